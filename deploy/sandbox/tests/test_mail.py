"""The mailbox, through real SMTP."""

from email.message import EmailMessage

import aiosmtplib
import pytest


def mail(subject="Hello", *, html=True):
    message = EmailMessage()
    message["From"] = "Souk <shop@example.com>"
    message["To"] = "ada@example.com, bob@example.com"
    message["Subject"] = subject
    message["Message-ID"] = "<1@example.com>"
    message.set_content("Plain grüße")
    if html:
        message.add_alternative("<p>Rich <script>alert(1)</script></p>", subtype="html")
    return message


async def send(world, message=None, **options):
    port = world.sandbox.smtp_port
    return await aiosmtplib.send(message or mail(), hostname="127.0.0.1", port=port, timeout=2, **options)


async def messages(world, to=None):
    return (await world.http.get("/sandbox/mail/messages", params={"to": to} if to else {})).json()


async def test_each_recipient_gets_a_row_newest_first(world):
    await send(world, mail("First"))
    await send(world, mail("Second", html=False), recipients=["bob@example.com"])
    assert [one["subject"] for one in await messages(world)] == ["Second", "First", "First"]
    (ada,) = await messages(world, "ADA@example.com")
    assert {name: ada[name] for name in ("subject", "to", "from", "message_id")} == {
        "subject": "First",
        "to": "ada@example.com",
        "from": "Souk <shop@example.com>",
        "message_id": "<1@example.com>",
    }
    assert ada["text"].strip() == "Plain grüße"
    assert ada["html"].startswith("<p>Rich")
    assert ada["received_at"].endswith("Z")
    assert (await world.http.delete("/sandbox/mail/messages")).status_code == 204
    assert await messages(world) == []


async def test_the_pages_show_mails_without_running_them(world):
    await send(world, mail("<b>Bold</b>"))
    (newest, _) = await messages(world)
    page = (await world.http.get("/sandbox/mail")).text
    assert "&lt;b&gt;Bold" in page
    assert f'href="/sandbox/mail/{newest["id"]}"' in page
    shown = (await world.http.get(f"/sandbox/mail/{newest['id']}")).text
    assert "<iframe sandbox=" in shown
    assert "<script>" not in shown
    frame = await world.http.get(f"/sandbox/mail/{newest['id']}/html")
    assert frame.headers["content-security-policy"].startswith("sandbox allow-popups")
    assert "Rich" in frame.text
    assert "Message-ID: <1@example.com>" in (await world.http.get(f"/sandbox/mail/{newest['id']}/raw")).text
    for path in ("", "/html", "/raw"):
        assert (await world.http.get(f"/sandbox/mail/999{path}")).status_code == 404
    assert (await world.http.get("/sandbox/mail", params={"to": "nobody@example.com"})).status_code == 200
    assert (await world.http.post("/sandbox/mail/empty")).headers["location"] == "/sandbox/mail"
    assert "Nothing here yet" in (await world.http.get("/sandbox/mail")).text


@pytest.mark.parametrize(
    "raw",
    [
        b"no headers at all\r\n",
        b"Subject: =?utf-8?b?broken\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"Subject: \xff\xfe\r\n\r\nbody \xf0\r\n",
        b"Message-ID: <a@[b>\r\nFrom: @@@\r\n\r\nbody\r\n",
    ],
)
async def test_odd_mails_are_kept_too(world, raw):
    port = world.sandbox.smtp_port
    await aiosmtplib.send(raw, sender="a@b.example", recipients=["c@d.example"], hostname="127.0.0.1", port=port)
    assert len(await messages(world, "c@d.example")) == 1


async def test_any_login_is_welcome(world):
    await send(world, username="me", password="secret", start_tls=False)
    assert len(await messages(world)) == 2


@pytest.mark.parametrize("status", [421, 450, 451, 550, 554])
@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_scripted_refusals_at_either_stage(world, status, stage):
    await world.chaos({"provider": "smtp", "mode": "error", "status": status, "operation": stage, "count": 2})
    with pytest.raises(aiosmtplib.SMTPException) as caught:
        await send(world)
    refused = caught.value
    if isinstance(refused, aiosmtplib.SMTPRecipientsRefused):
        assert refused.recipients[0].code == status
    elif isinstance(refused, aiosmtplib.SMTPServerDisconnected):
        assert status == 421
    else:
        assert refused.code == status
    assert await messages(world) == []


async def test_the_stage_may_be_named_so(world):
    answer = await world.http.put("/sandbox/chaos", json={"provider": "smtp", "mode": "error", "stage": "data"})
    assert answer.json()[0]["operation"] == "data"


async def test_hang_keeps_nothing_and_cuts_the_line(world):
    await world.chaos({"provider": "smtp", "mode": "hang", "operation": "data", "delay": 0.05})
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(world)
    assert await messages(world) == []


@pytest.mark.parametrize("mode", ["commit_then_hang", "commit_then_error"])
async def test_commit_then_trouble_keeps_the_mail_and_does_not_say_so(world, mode):
    await world.chaos({"provider": "smtp", "mode": mode, "operation": "data"})
    with pytest.raises(aiosmtplib.SMTPException):
        await send(world)
    assert len(await messages(world)) == 2


async def test_a_delayed_mail_arrives(world):
    await world.chaos({"provider": "smtp", "mode": "delay", "delay": 0.05})
    await send(world)
    assert len(await messages(world)) == 2
