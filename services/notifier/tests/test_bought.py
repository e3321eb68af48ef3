"""The mail of a paid order: the images bought, the way to the files, and the licence each is bought under."""

from common.contracts.orders import Line
from common.events import new_id
from common.money import Money

from .conftest import ordered, paid, registered, rows

IMAGE = "https://img.example/sunset.jpg"


def line(name="Sunset", kind="digital", **changes):
    given = {"line_id": new_id(), "product_id": new_id(), "quantity": 1, "unit_price": Money(2599, "USD"), **changes}
    return Line(name=name, kind=kind, **given)


async def mail_of(notifier, post, *lines):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(user, order, paid(order, *lines))
    await notifier.work_loops()
    return post.taken[-1], f"https://shop.example/downloads?order_id={order.order_id}"


async def test_who_bought_files_is_led_to_them_from_each_image(notifier, post):
    mail, files = await mail_of(notifier, post, line(image=IMAGE), line("Mug", "physical", image=IMAGE + "?mug"))
    assert f"Download your files: {files}" in mail.text
    assert f'<a href="{files}"><img src="{IMAGE}"' in mail.html
    assert f'<a href="{IMAGE}?mug"><img src="{IMAGE}?mug"' in mail.html
    assert "Download your files" in mail.html
    assert mail.html.count(">Download<") == 1
    for body in (mail.text, mail.html):
        assert "https://shop.example/orders/" in body


async def test_who_bought_no_files_is_not_sent_to_look_for_them(notifier, post):
    mail, _ = await mail_of(notifier, post, line("Mug", "physical"), line("Credits", "credits"))
    assert "ownload" not in mail.text + mail.html
    assert "Licence" not in mail.text + mail.html


async def test_each_licence_is_told_once_with_what_it_is_for_paragraph_by_paragraph(notifier, post):
    shared, own = "Print it.\n\nDo not sell it.", "For the web only."
    lines = [line("Sunset", licence=shared), line("Dunes", licence=own), line("Dawn", licence=shared), line("Mug")]
    mail, _ = await mail_of(notifier, post, *lines)
    text = mail.text.replace("\r\n", "\n")
    assert "Licence of Sunset, Dawn:\n    Print it.\n\n    Do not sell it.\n" in text
    assert "Licence of Dunes:\n    For the web only.\n" in text
    assert mail.html.index("Licence of Sunset, Dawn") < mail.html.index("Print it.<br>")
    for body in (mail.text, mail.html):
        assert (body.count("Do not sell it."), body.count("For the web only.")) == (1, 1)


async def test_markup_in_a_licence_is_shown_and_not_obeyed(notifier, post):
    licence = '<script>alert(1)</script>\r\n<a href="https://evil.example">{{ shop_url }}</a>\u202e'
    mail, _ = await mail_of(notifier, post, line('<b onclick="x">', licence=licence))
    assert "Licence of &lt;b onclick=&#34;x&#34;&gt;" in mail.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>" in mail.html
    assert "&lt;a href=&#34;https://evil.example&#34;&gt;{{ shop_url }}&lt;/a&gt;" in mail.html
    assert "<script>" not in mail.html
    assert "    <script>alert(1)</script>\r\n" in mail.text
    assert "\u202e" not in mail.text + mail.html


async def test_a_long_licence_arrives_whole(notifier, post):
    licence = "\n".join(f"{clause}. " + "Du darfst es nutzen – für immer. " * 30 for clause in range(1, 6))
    mail, _ = await mail_of(notifier, post, line(licence=licence))
    assert mail.text.count("für immer.") == mail.html.count("für immer.") == 150
    assert all(len(written) <= 998 for written in mail.message.as_bytes().splitlines())


async def test_a_mail_queued_by_the_release_before_is_still_written(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(user, order, paid(order, line(image=IMAGE, licence="Print it.")))
    await rows(
        notifier,
        "UPDATE notifications SET context = context - 'licences' - 'downloads' #- '{lines,0,file}' "
        "WHERE template = 'order_paid'",
    )
    await notifier.work_loops()
    mail = post.taken[-1]
    assert mail.message["Subject"] == "Order S-1042 is paid"
    assert f'<a href="{IMAGE}"><img src="{IMAGE}"' in mail.html
    assert "ownload" not in mail.text + mail.html
