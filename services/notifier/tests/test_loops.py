"""What becomes of a mail when the mail server, the network or the worker has a bad day."""

import asyncio

import pytest
import structlog

from common.faults import FaultInjected, arm

from .conftest import make_due, registered, rows


@pytest.fixture(autouse=True)
def no_faults():
    yield
    arm("")


async def only(notifier):
    [row] = await rows(notifier)
    return row


async def try_again(notifier):
    await make_due(notifier)
    return await notifier.work_loops()


@pytest.mark.parametrize("command", ["rcpt", "data"])
@pytest.mark.parametrize("reply", ["450 4.2.1 busy", "451 4.3.0 try later", "421 4.3.2 closing"])
async def test_a_mail_put_off_is_sent_later_once(notifier, post, command, reply):
    getattr(post, command).append(reply)
    await notifier.hear(registered())
    await notifier.work_loops()
    row = await only(notifier)
    assert (row["status"], row["code"], post.taken) == ("queued", int(reply[:3]), [])
    assert row["due_at"] is not None
    await try_again(notifier)
    row = await only(notifier)
    assert (row["status"], row["attempts"], row["resent_after_unknown"]) == ("sent", 2, False)
    assert len(post.taken) == 1


@pytest.mark.parametrize("command", ["rcpt", "data"])
async def test_a_refusal_for_good_ends_the_mail_and_is_told_with_its_code(notifier, post, command):
    getattr(post, command).append("550 5.1.1 <ada@example.com>: no such user")
    await notifier.hear(registered())
    await notifier.work_loops()
    row = await only(notifier)
    assert (row["status"], row["code"], row["due_at"]) == ("rejected", 550, None)
    assert "ada@" not in row["last_error"]
    assert "550 5.1.1" in row["last_error"]
    [fact] = await notifier.told("email.rejected")
    assert fact.data["code"] == 550
    assert "ada@" not in str(fact.data)
    assert await try_again(notifier) == 0


async def test_a_mail_put_off_for_days_is_given_up(notifier, post):
    post.rcpt.append("450 4.2.2 mailbox full")
    await notifier.hear(registered())
    await rows(notifier, "UPDATE notifications SET created_at = now() - interval '5 days'")
    await notifier.work_loops()
    assert (await only(notifier))["status"] == "rejected"


@pytest.mark.parametrize("trouble", ["cut", 3.0])
async def test_no_answer_to_a_mail_sent_means_one_copy_more_under_the_same_id(notifier, post, trouble):
    post.data.append(trouble)
    await notifier.hear(registered())
    await notifier.work_loops()
    row = await only(notifier)
    assert (row["status"], row["resent_after_unknown"]) == ("unknown", False)
    await try_again(notifier)
    row = await only(notifier)
    assert (row["status"], row["resent_after_unknown"]) == ("sent", True)
    assert len(post.taken) == 2
    assert {mail.message["Message-ID"] for mail in post.taken} == {row["message_id"]}
    assert post.taken[0].message.as_bytes() == post.taken[1].message.as_bytes()


async def test_a_second_silence_leaves_the_mail_unknown_for_good(notifier, post):
    post.data.extend(["cut", "cut"])
    await notifier.hear(registered())
    await notifier.work_loops()
    await try_again(notifier)
    row = await only(notifier)
    assert (row["status"], row["due_at"], row["resent_after_unknown"]) == ("unknown", None, True)
    assert await try_again(notifier) == 0
    assert len(post.taken) == 2
    assert await notifier.told() == []


@pytest.mark.parametrize("trouble", ["cut", 3.0])
async def test_a_line_cut_before_the_mail_itself_is_no_unknown_outcome(notifier, post, trouble):
    post.rcpt.append(trouble)
    await notifier.hear(registered())
    await notifier.work_loops()
    assert (await only(notifier))["status"] == "queued"
    await try_again(notifier)
    row = await only(notifier)
    assert (row["status"], row["resent_after_unknown"], len(post.taken)) == ("sent", False, 1)


async def test_a_server_that_greets_too_slowly_is_away_and_the_mail_waits(notifier, post):
    post.banner_delay = 3
    await notifier.hear(registered(), registered(email="bob@example.com"))
    assert await notifier.work_loops() == 0
    assert post.connections == 1, "a round does not knock for every mail"
    assert [row["status"] for row in await rows(notifier)] == ["queued", "queued"]
    post.banner_delay = 0
    await try_again(notifier)
    assert [row["status"] for row in await rows(notifier)] == ["sent", "sent"]


async def test_a_sender_the_server_refuses_is_no_fault_of_the_mail(notifier, post):
    post.mail.append("550 5.7.1 not from here")
    await notifier.hear(registered())
    await notifier.work_loops()
    assert (await only(notifier))["status"] == "queued"
    await try_again(notifier)
    assert (await only(notifier))["status"] == "sent"


async def test_a_server_that_wants_a_login_does_not_cost_anybody_a_mail(notifier, post):
    post.rcpt.append("530 5.7.0 authentication required")
    await notifier.hear(registered())
    await notifier.work_loops()
    assert ((await only(notifier))["status"], post.taken) == ("queued", [])


async def test_mails_of_a_round_share_a_connection_and_each_has_one_recipient(notifier, post):
    addresses = [f"u{n:02}@example.com" for n in range(51)]
    await notifier.hear(*(registered(email=address) for address in addresses))
    assert await notifier.work_loops() == 51
    assert post.connections == 2
    assert sorted(mail.recipients for mail in post.taken) == [[address] for address in addresses]


async def test_a_refused_recipient_does_not_hold_up_the_others(notifier, post):
    post.rcpt.extend([None, "550 5.1.1 no"])
    await notifier.hear(*(registered(email=f"u{n}@example.com") for n in range(3)))
    await notifier.work_loops()
    assert sorted(row["status"] for row in await rows(notifier)) == ["rejected", "sent", "sent"]


async def test_a_server_that_ends_the_conversation_is_called_again(notifier, post):
    post.mail.extend([None, "421 4.7.0 too many mails"])
    await notifier.hear(*(registered(email=f"u{n}@example.com") for n in range(3)))
    assert await notifier.work_loops() == 3
    assert post.connections == 2


@pytest.mark.parametrize(("point", "copies"), [("loop.claimed", 1), ("loop.called", 2)])
async def test_a_worker_that_dies_in_the_middle_leaves_a_mail_accounted_for(notifier, post, point, copies):
    await notifier.hear(registered())
    arm(f"{point}:raise@1")
    with pytest.raises(FaultInjected):
        await notifier.work_loops()
    assert (await only(notifier))["status"] == "sending"
    assert await notifier.work_loops() == 0, "the lease holds"
    await try_again(notifier)
    row = await only(notifier)
    assert (row["status"], row["resent_after_unknown"], len(post.taken)) == ("sent", True, copies)
    assert len({mail.message["Message-ID"] for mail in post.taken}) == 1
    moves = await rows(notifier, 'SELECT "to" FROM notification_transitions ORDER BY version')
    assert [move["to"] for move in moves] == ["queued", "sending", "unknown", "sending", "sent"]


async def test_workers_that_die_twice_do_not_send_a_third_copy(notifier, post):
    await notifier.hear(registered())
    for _ in range(2):
        arm("loop.called:raise@1")
        with pytest.raises(FaultInjected):
            await try_again(notifier)
    arm("")
    assert await try_again(notifier) == 0
    row = await only(notifier)
    assert (row["status"], row["resent_after_unknown"], row["due_at"]) == ("unknown", True, None)
    assert len(post.taken) == 2


async def test_a_death_after_the_outcome_changes_nothing(notifier, post):
    await notifier.hear(registered())
    arm("loop.written:raise@1")
    with pytest.raises(FaultInjected):
        await notifier.work_loops()
    assert await try_again(notifier) == 0
    assert ((await only(notifier))["status"], len(post.taken)) == ("sent", 1)


async def test_who_lost_the_lease_files_that_the_mail_was_sent(notifier, post):
    await notifier.hear(registered())
    post.data.append(0.5)
    sending = asyncio.create_task(notifier.work_loops())
    while not post.taken:
        await asyncio.sleep(0.01)
    await rows(
        notifier, "UPDATE notifications SET status = 'unknown', lease = NULL, leased_until = NULL, due_at = NULL"
    )
    await sending
    assert (await only(notifier))["status"] == "sent"
    assert len(await notifier.told("email.sent")) == 1


async def test_a_stop_waits_for_the_mail_in_hand(notifier, post):
    await notifier.hear(registered(), registered(email="bob@example.com"))
    post.data.append(0.3)
    sending = asyncio.create_task(notifier.work_loops())
    while not post.taken:
        await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert sorted(row["status"] for row in await rows(notifier)) == ["queued", "sent"]


async def test_many_workers_send_each_mail_once(notifier, post):
    await notifier.hear(*(registered(email=f"u{n}@example.com") for n in range(12)))
    loop = notifier.service.loops[0]
    await asyncio.gather(*(loop.run() for _ in range(4)))
    assert sorted(mail.recipients[0] for mail in post.taken) == sorted(f"u{n}@example.com" for n in range(12))


async def test_what_is_no_address_is_refused_without_asking_anybody(notifier, post):
    for email in ("ada@example.com\r\nRCPT TO:<eve@evil.example>", "a@b.example, c@d.example", "ädä@example.com", ""):
        await notifier.hear(registered(email=email))
    await notifier.work_loops()
    assert {(row["status"], row["code"]) for row in await rows(notifier)} == {("rejected", 553)}
    assert post.connections == 0


async def test_a_mail_we_cannot_write_waits_and_holds_up_nobody(notifier, post):
    await notifier.hear(registered())
    await rows(notifier, "UPDATE notifications SET template = 'order_paid'")
    await notifier.hear(registered(email="bob@example.com"))
    await notifier.work_loops()
    broken, fine = await rows(notifier)
    assert (broken["status"], broken["last_error"]) == ("queued", "cannot be written: KeyError")
    assert fine["status"] == "sent"


async def test_a_database_that_refuses_a_row_does_not_tell_what_was_in_it(notifier):
    with structlog.testing.capture_logs() as logs:
        await notifier.hear(registered(name="Ada\x00", email="ada@example.com"))
    [row] = await rows(notifier, "SELECT status, error FROM inbox")
    assert row["status"] == "waiting"
    assert "ada@" not in f"{row['error']}{logs}"


async def test_logs_name_nobody(notifier, post):
    post.rcpt.extend(["550 5.1.1 <ada@example.com> unknown", "450 4.1.1 <ada@example.com> busy"])
    post.data.append("cut")
    with structlog.testing.capture_logs() as logs:
        await notifier.hear(registered(name="Ada Lovelace"), registered(), registered(email="ada@@x"), registered())
        await notifier.work_loops()
    assert logs
    assert "ada@" not in str(logs).lower()
