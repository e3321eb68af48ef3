"""What people and other services write cannot change what a mail is."""

from pathlib import Path
from typing import get_args

import pytest

from common.contracts.orders import Line
from common.events import new_id
from common.money import Money
from notifier import letters
from notifier.domain import Template, addressable_name, one_line

from .conftest import ordered, paid, registered


@pytest.mark.parametrize("template", get_args(Template))
def test_every_mail_has_a_subject_and_both_its_pages(template):
    pages = Path(letters.__file__).parent / "templates"
    assert letters.SUBJECTS[template]
    assert (pages / f"{template}.html").is_file()
    assert (pages / f"{template}.txt").is_file()


async def test_markup_in_names_is_shown_and_not_obeyed(notifier, post):
    user = registered(name="<script>alert(1)</script>")
    order = ordered(user.user_id)
    line = Line(
        line_id=new_id(),
        product_id=new_id(),
        kind="digital",
        name='<img src=x onerror="steal()">{{ 7 * 7 }}',
        quantity=1,
        unit_price=Money(2599, "USD"),
        image='https://img.example/"><script>',
    )
    await notifier.hear(user, order, paid(order, line))
    await notifier.work_loops()
    html = post.taken[-1].html
    assert "Hello &lt;script&gt;alert(1)&lt;/script&gt;," in html
    assert "<script>" not in html
    assert "<img src=x" not in html
    assert "{{ 7 * 7 }}" in html
    assert "Hello <script>alert(1)</script>," in post.taken[-1].text


async def test_line_breaks_in_names_and_numbers_make_no_headers(notifier, post):
    user = registered(name="Eve\r\nBcc: victim@example.com")
    order = ordered(user.user_id, number="7\r\nBcc: victim@example.com\r\n\r\nbody")
    await notifier.hear(user, order, paid(order))
    await notifier.work_loops()
    for mail in post.taken:
        assert mail.recipients == ["ada@example.com"]
        assert mail.message["Bcc"] is None
    assert post.taken[-1].message["Subject"] == "Order 7 Bcc: victim@example.com body is paid"


async def test_names_in_any_script_arrive_whole(notifier, post):
    await notifier.hear(registered(name="Zoë 李小龍 🙂"))
    await notifier.work_loops()
    assert "Hello Zoë 李小龍 🙂," in post.taken[0].html
    assert "Hello Zoë 李小龍 🙂," in post.taken[0].text
    assert all(len(line) <= 998 for line in post.taken[0].message.as_bytes().splitlines())


@pytest.mark.parametrize(
    "name", ["Win at https://evil.example", "www.evil.example", "Free coins evil.example", "x" * 61, "\r\n"]
)
def test_a_name_that_is_an_advertisement_is_not_passed_on(name):
    assert addressable_name(name) == ""


@pytest.mark.parametrize("name", ["Ada", "J. R. R. Tolkien", "O'Brien-Smith", "李小龍", "Dr. Who"])
def test_people_are_greeted_by_their_names(name):
    assert addressable_name(name) == name


def test_one_line_has_neither_breaks_nor_hidden_direction_changes():
    assert one_line(" a\r\n\tb\u2028c\u202ed\x00 ") == "a b c d"
