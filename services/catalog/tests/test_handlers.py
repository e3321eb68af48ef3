import asyncio
from datetime import timedelta

import pytest

from common.db import fetch, now
from common.events import new_id
from common.money import Money


async def status(shop, an_order):
    rows = await shop.sql("SELECT status FROM holdings WHERE order_id = $1", an_order.id)
    return rows[0]["status"] if rows else None


async def stock(shop, product):
    return (await shop.sql("SELECT on_hand, reserved FROM stock WHERE variant_id = $1::text::uuid", product["id"]))[0]


async def test_an_order_reserves_every_line_and_says_so(shop, order):
    mug, poster = await shop.product(stock=5), await shop.product(stock=3)
    made = order((mug, 2), (poster, 3))
    await shop.one.hear(made.created())
    assert await shop.told("stock.reserved") == [("stock.reserved", {"order_id": str(made.id)})]
    assert ((await shop.show(mug))["stock"], (await shop.show(poster))["stock"]) == (3, 0)
    await shop.check_books()


async def test_when_one_line_cannot_be_had_nothing_is_reserved(shop, order):
    mug, poster = await shop.product(stock=5), await shop.product(stock=2)
    made = order((mug, 2), (poster, 3))
    await shop.one.hear(made.created())
    (told,) = await shop.told("stock.reserved", "stock.rejected")
    expected = {
        "order_id": str(made.id),
        "reason": "out_of_stock",
        "product_id": poster["id"],
        "variant_id": poster["id"],
    }
    assert told == ("stock.rejected", expected)
    assert (await stock(shop, mug))["reserved"] == 0
    assert await shop.sql("SELECT * FROM reservations") == []
    await shop.check_books()


async def test_two_lines_of_one_product_count_together(shop, order):
    mug = await shop.product(stock=3)
    await shop.one.hear(order((mug, 2), (mug, 2)).created(), order((mug, 2), (mug, 1)).created())
    assert [kind for kind, _ in await shop.told("stock.reserved", "stock.rejected")] == [
        "stock.rejected",
        "stock.reserved",
    ]
    assert (await shop.show(mug))["stock"] == 0
    await shop.check_books()


async def test_unlimited_products_are_reserved_without_a_count(shop, order):
    picture = await shop.product(kind="digital")
    made = order((picture, 1000))
    await shop.one.hear(made.created())
    assert await status(shop, made) == "active"
    assert (await shop.show(picture))["stock"] is None
    await shop.check_books()


async def test_a_repeat_under_another_id_reserves_and_tells_once(shop, order):
    mug = await shop.product(stock=5)
    made = order((mug, 2))
    await shop.one.hear(made.created())
    await shop.one.hear(made.created(), made.created())
    assert len(await shop.told("stock.reserved")) == 1
    assert await stock(shop, mug) == {"on_hand": 5, "reserved": 2}
    assert await shop.one.inbox_rows("waiting") == []


async def test_copies_that_come_together_reserve_once(shop, order):
    mug = await shop.product(stock=50)
    made = order((mug, 2))
    await asyncio.gather(*(shop.one.hear(made.created()) for _ in range(8)))
    assert len(await shop.told("stock.reserved")) == 1
    assert await stock(shop, mug) == {"on_hand": 50, "reserved": 2}
    assert await shop.one.inbox_rows("waiting") == []


@pytest.mark.parametrize(
    ("price", "reason"),
    [(Money(999, "USD"), "price_changed"), (Money(1000, "EUR"), "currency_mismatch")],
)
async def test_catalog_is_the_authority_on_the_price(shop, order, price, reason):
    mug = await shop.product(stock=5)
    made = order((mug, 1), price=price, total_currency=price.currency)
    await shop.one.hear(made.created())
    ((_, told),) = await shop.told("stock.rejected")
    assert (told["reason"], told["product_id"]) == (reason, mug["id"])


async def test_lines_of_two_currencies_are_refused(shop, order):
    made = order((await shop.product(), 1), (await shop.product(currency="EUR"), 1))
    await shop.one.hear(made.created())
    ((_, told),) = await shop.told("stock.rejected")
    assert told["reason"] == "currency_mismatch"


async def test_an_archived_product_is_not_for_sale_and_an_unknown_one_is_unknown(shop, order):
    mug = await shop.product(stock=5)
    await shop.client.delete(f"/products/{mug['id']}", headers=shop.headers)
    await shop.one.hear(order((mug, 1)).created(), order((mug | {"id": str(new_id())}, 1)).created())
    assert [told["reason"] for _, told in await shop.told("stock.rejected")] == ["not_for_sale", "unknown_product"]


async def age_prices(shop, by):
    async with shop.one.database.transaction() as session:
        sql = "UPDATE product_prices SET valid_from = valid_from - $1::interval, valid_to = valid_to - $1::interval"
        await fetch(session, sql, by)


async def test_a_price_valid_when_the_order_was_made_is_accepted_a_change_later(shop, order):
    mug = await shop.product(stock=9, amount=1000)
    path = f"/products/{mug['id']}"
    await shop.client.patch(path, json={"price": {"amount": 1500, "currency": "USD"}}, headers=shop.headers)
    await age_prices(shop, timedelta(hours=1))
    before, just_after, after = now() - timedelta(hours=1, seconds=5), now() - timedelta(minutes=59, seconds=10), now()
    old = Money(1000, "USD")
    orders = [order((mug, 1), created_at=at, price=old) for at in (before, just_after, after)]
    orders.append(order((mug, 1), price=Money(1500, "USD")))
    for made in orders:
        await shop.one.hear(made.created())
    assert [await status(shop, made) for made in orders] == ["active", "active", "rejected", "active"]


@pytest.mark.parametrize("end", ["expired", "cancelled", "rejected"])
async def test_the_end_of_an_order_frees_what_it_held_once(shop, order, end):
    mug, poster = await shop.product(stock=5), await shop.product()
    made = order((mug, 2), (poster, 1))
    await shop.one.hear(made.created())
    await shop.one.hear(getattr(made, end)())
    await shop.one.hear(getattr(made, end)(), made.cancelled())
    assert await stock(shop, mug) == {"on_hand": 5, "reserved": 0}
    assert [told["order_id"] for _, told in await shop.told("stock.released")] == [str(made.id)]
    assert (await shop.sql("SELECT ended FROM holdings"))[0]["ended"] == end
    await shop.check_books()


async def test_the_end_of_a_rejected_order_frees_nothing(shop, order):
    mug = await shop.product(stock=1)
    made = order((mug, 2))
    await shop.one.hear(made.created(), made.rejected())
    assert await stock(shop, mug) == {"on_hand": 1, "reserved": 0}
    assert await shop.told("stock.released") == []


async def test_an_end_that_comes_before_its_order_waits_and_then_frees(shop, order):
    mug = await shop.product(stock=5)
    made = order((mug, 2))
    await shop.one.hear(made.cancelled())
    assert await shop.one.inbox_rows("waiting") == ["order.cancelled"]
    await shop.one.hear(made.created())
    assert (await stock(shop, mug))["reserved"] == 2
    await shop.one.work_waiting()
    assert await shop.one.inbox_rows("waiting") == []
    assert await stock(shop, mug) == {"on_hand": 5, "reserved": 0}
    await shop.check_books()


async def test_a_paid_order_is_sold_and_its_digital_lines_are_delivered(shop, order):
    mug, picture = await shop.product(stock=5), await shop.product(kind="digital")
    made = order((mug, 2), (picture, 1), (picture, 3))
    await shop.one.hear(made.created())
    await shop.one.hear(made.paid())
    await shop.one.hear(made.paid(), made.expired(), made.cancelled())
    assert await stock(shop, mug) == {"on_hand": 3, "reserved": 0}
    assert await status(shop, made) == "sold"
    told = [told for _, told in await shop.told("delivery.granted")]
    assert {t["line_id"] for t in told} == {str(line.line_id) for line in made.lines[1:]}
    assert {(t["user_id"], t["product_id"]) for t in told} == {(str(made.user), picture["id"])}
    assert await shop.told("stock.released") == []
    await shop.check_books()


async def test_an_order_made_and_paid_in_one_batch_is_sold(shop, order):
    mug, picture = await shop.product(stock=5), await shop.product(kind="digital", stock=4)
    made = order((mug, 2), (picture, 1))
    await shop.one.hear(made.created(), made.paid(), made.refunded(whole=True))
    assert await stock(shop, mug) == {"on_hand": 3, "reserved": 0}
    assert await stock(shop, picture) == {"on_hand": 3, "reserved": 0}
    assert len(await shop.told("delivery.revoked")) == 1
    await shop.check_books()


async def test_payment_that_comes_before_its_order_waits(shop, order):
    made = order((await shop.product(stock=5), 2))
    await shop.one.hear(made.paid())
    assert await shop.one.inbox_rows("waiting") == ["order.paid"]
    await shop.one.hear(made.created())
    await shop.one.work_waiting()
    assert await status(shop, made) == "sold"
    await shop.check_books()


async def test_late_money_buys_what_is_still_there(shop, order):
    mug, picture = await shop.product(stock=2), await shop.product(kind="digital")
    made = order((mug, 2), (picture, 1))
    await shop.one.hear(made.created(), made.expired())
    await shop.one.hear(made.paid(), made.paid())
    assert await status(shop, made) == "sold"
    assert await stock(shop, mug) == {"on_hand": 0, "reserved": 0}
    assert len(await shop.told("delivery.granted")) == 1
    await shop.check_books()


async def test_late_money_is_turned_down_once_when_the_stock_is_gone(shop, order):
    mug, picture = await shop.product(stock=2), await shop.product(kind="digital")
    made, other = order((mug, 2), (picture, 1)), order((mug, 1))
    await shop.one.hear(made.created(), made.expired(), other.created())
    await shop.one.hear(made.paid(), made.paid())
    expected = {"order_id": str(made.id), "reason": "out_of_stock", "product_id": mug["id"], "variant_id": mug["id"]}
    assert await shop.told("stock.rejected") == [("stock.rejected", expected)]
    assert await status(shop, made) == "refused"
    assert await stock(shop, mug) == {"on_hand": 2, "reserved": 1}
    await shop.one.hear(made.refunded(whole=True), made.cancelled())
    assert await shop.told("delivery.granted", "delivery.revoked") == []
    await shop.check_books()


async def test_money_for_a_rejected_order_is_turned_down(shop, order):
    mug = await shop.product(stock=1)
    made = order((mug, 2))
    await shop.one.hear(made.created(), made.paid(), made.refunded(whole=True))
    assert [told["reason"] for _, told in await shop.told("stock.rejected")] == ["out_of_stock", "out_of_stock"]
    assert await stock(shop, mug) == {"on_hand": 1, "reserved": 0}
    await shop.check_books()


async def test_a_refund_takes_back_its_lines_only(shop, order):
    picture, mug = await shop.product(kind="digital"), await shop.product(stock=2)
    made = order((picture, 1), (picture, 1), (mug, 1))
    await shop.one.hear(made.created(), made.paid())
    await shop.one.hear(made.refunded(made.lines[0], made.lines[2]), made.refunded(made.lines[0]), made.refunded())
    ((_, told),) = await shop.told("delivery.revoked")
    assert told["line_id"] == str(made.lines[0].line_id)
    assert await stock(shop, mug) == {"on_hand": 1, "reserved": 0}
    await shop.one.hear(made.refunded(whole=True))
    assert len(await shop.told("delivery.revoked")) == 2
    await shop.check_books()


async def test_a_refund_heard_before_the_payment_revokes_when_delivered(shop, order):
    picture = await shop.product(kind="digital")
    made = order((picture, 1), (picture, 1))
    await shop.one.hear(made.refunded(made.lines[0]))
    assert await shop.one.inbox_rows("waiting") == ["order.refunded"]
    await shop.one.hear(made.created())
    await shop.one.work_waiting()
    await shop.one.hear(made.paid())
    assert len(await shop.told("delivery.granted")) == 2
    ((_, told),) = await shop.told("delivery.revoked")
    assert told["line_id"] == str(made.lines[0].line_id)
    await shop.check_books()


async def test_whatever_the_order_of_the_facts_the_books_are_right(shop, order):
    mug, picture = await shop.product(stock=4), await shop.product(kind="digital")
    made = order((mug, 1), (picture, 1))
    facts = [made.created(), made.expired(), made.paid(), made.refunded(made.lines[1])]
    for _, fact in sorted(enumerate(facts), reverse=True):
        await shop.one.hear(fact)
    for _ in range(4):
        await shop.one.work_waiting()
    assert await shop.one.inbox_rows("waiting") == await shop.one.inbox_rows("parked") == []
    assert await status(shop, made) == "sold"
    assert await stock(shop, mug) == {"on_hand": 3, "reserved": 0}
    assert len(await shop.told("delivery.revoked")) == 1
    await shop.check_books()
