"""A seller is told that stock runs low: he alone, once per event, as often as it happens."""

import pytest

from common.broker import Delivery
from common.contracts.auth import UserUpdated
from common.contracts.catalog import StockLow
from common.events import new_id
from common.testing import encode

from .conftest import registered, rows


def low(seller_id, **changes):
    given = {"product_id": new_id(), "variant_id": new_id(), "name": "Mug – blue", "free": 3, "threshold": 5, **changes}
    return StockLow(seller_id=seller_id, **given)


async def test_the_seller_is_told_how_many_are_left(notifier, post):
    seller, other = registered(), registered(email="bob@example.com")
    fact = low(seller.user_id)
    await notifier.hear(seller, other, fact)
    await notifier.work_loops()
    mail = post.taken[-1]
    assert mail.recipients == ["ada@example.com"]
    assert mail.message["Subject"] == "Stock runs low: Mug – blue"
    assert "Hello Ada," in mail.text
    assert "3 pieces of Mug – blue are left." in mail.text
    assert "3 pieces of <strong>Mug – blue</strong> are left." in mail.html
    for body in (mail.text, mail.html):
        assert "when 5 or fewer are left" in body
        assert f"https://shop.example/products/{fact.product_id}" in body


@pytest.mark.parametrize(
    ("free", "said"),
    [(1, "1 piece of Mug – blue is left."), (0, "Mug – blue is sold out."), (-2, "Mug – blue is sold out.")],
)
async def test_one_and_none_are_told_in_their_own_words(notifier, post, free, said):
    seller = registered()
    await notifier.hear(seller, low(seller.user_id, free=free))
    await notifier.work_loops()
    assert said in post.taken[-1].text


async def test_one_event_is_one_mail_and_the_next_time_is_another(notifier, post):
    seller = registered()
    fact = low(seller.user_id)
    body = encode(fact, id_=new_id())
    await notifier.hear(seller)
    for redelivered in (False, True, False):
        await notifier.inbox.take([Delivery(body, redelivered)] * 2)
    await notifier.work_waiting()
    await notifier.work_loops()
    assert len(post.taken) == 2
    await notifier.hear(fact)
    await notifier.work_loops()
    assert len(post.taken) == 3
    assert len({row["cause"] for row in await rows(notifier)}) == 3


async def test_it_waits_for_a_seller_nobody_knows_yet_and_goes_to_the_newest_address(notifier, post):
    seller = registered()
    await notifier.hear(low(seller.user_id))
    assert await notifier.inbox_rows("waiting") == ["stock.low"]
    newer = UserUpdated(user_id=seller.user_id, name="Ada", email="new@example.com", roles=[], version_number=2)
    await notifier.hear(newer)
    await notifier.work_waiting()
    await notifier.work_loops()
    assert [mail.recipients for mail in post.taken] == [["new@example.com"]]


async def test_what_a_seller_calls_a_product_changes_neither_header_nor_page(notifier, post):
    seller = registered()
    name = "<script>x</script>\r\nBcc: victim@example.com {shop_url} {{ name }}"
    await notifier.hear(seller, low(seller.user_id, name=name))
    await notifier.work_loops()
    mail = post.taken[-1]
    assert mail.message["Bcc"] is None
    assert mail.message["Subject"].startswith("Stock runs low: <script>x</script> Bcc: victim@example.com {shop_url}")
    assert "<script>" not in mail.html
    assert "{{ name }}" in mail.html
