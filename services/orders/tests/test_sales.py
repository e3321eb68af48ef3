"""The sellers' journal: each fact enters it once, in any order, and it adds up to the money that moved."""

from collections import Counter
from datetime import UTC
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.broker import Delivery
from common.contracts.catalog import DeliveryDownloaded
from common.contracts.payments import PaymentMismatched, PaymentProcessing, RefundFailed
from common.db import fetch
from common.events import new_id
from common.money import Money
from common.testing import bearer, encode

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]


async def entries(shop: Shop, *kinds: str) -> list[Any]:
    """Return the journal, of these kinds or all."""
    async with shop.one.database.reading() as session:
        rows = await fetch(session, "SELECT * FROM sale_entries ORDER BY at, id")
    return [row for row in rows if not kinds or row["kind"] in kinds]


async def sold(shop: Shop, seller: UUID, **asked: str) -> list[Json]:
    """Return what a seller is told of his sales."""
    answer = await shop.one.client.get("/sales", params=asked, headers=bearer(seller, "seller"))
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


def failed(shop: Shop, order: Json, refund_id: UUID) -> RefundFailed:
    """A refund came to nothing, be it after it had succeeded."""
    about = {"refund_id": refund_id, "payment_id": shop.payment_id(order), "order_id": order["id"]}
    return RefundFailed.model_validate({**about, "amount": order["total"], "reason": "refused"})


def downloaded(shop: Shop, order: Json, seller: UUID, line: int = 0) -> DeliveryDownloaded:
    """Catalog gave out the address of a line's file."""
    item = order["items"][line]
    return DeliveryDownloaded(
        order_id=order["id"],
        line_id=item["id"],
        product_id=item["product_id"],
        user_id=shop.buyer,
        seller_id=seller,
        grant_id=new_id(),
        file_id=new_id(),
    )


async def given_back(shop: Shop) -> Counter[UUID]:
    """Return what each line has given back."""
    back: Counter[UUID] = Counter()
    for entry in await entries(shop, "refunded"):
        back[entry["line_id"]] += entry["amount"]
    return back


async def test_a_paid_order_is_sold_line_by_line_to_the_account_of_each_seller(shop: Shop) -> None:
    ada, bob = uuid4(), uuid4()
    dune = await shop.product(2599, seller_id=ada)
    mug = await shop.product(1000, kind="physical", seller_id=bob, name="Mug")
    order = await shop.awaiting((dune, 1), (mug, 3))
    assert await entries(shop) == []
    await shop.one.hear(shop.captured(order))
    journal = await entries(shop)
    assert [(entry["seller_id"], entry["kind"], entry["quantity"], entry["amount"]) for entry in journal] == [
        (ada, "sold", 1, 2599),
        (bob, "sold", 3, 3000),
    ]
    [his] = await sold(shop, bob)
    assert his == {
        "day": journal[1]["at"].astimezone(UTC).date().isoformat(),
        "product_id": str(mug),
        "name": "Mug",
        "currency": "USD",
        "orders": 1,
        "quantity": 3,
        "revenue": {"amount": 3000, "currency": "USD"},
        "refunded": {"amount": 0, "currency": "USD"},
        "downloads": 0,
    }


async def test_a_line_is_sold_once_whatever_the_order_and_number_of_the_facts(shop: Shop) -> None:
    for places in permutations(range(4)):
        order = await shop.place()
        await shop.reserve(order)
        back = shop.given_back(order, UUID(order["id"]))
        processing = PaymentProcessing(**shop.of(order))
        facts = [shop.opened(order), processing, shop.captured(order), back]
        for place in places:
            await shop.one.hear(facts[place], facts[place])
        await shop.one.work_waiting()
        assert await shop.status(order) == ("refunded", "refunded")
    kinds = Counter((entry["line_id"], entry["kind"], entry["amount"]) for entry in await entries(shop))
    assert set(kinds.values()) == {1}
    assert len(kinds) == 48


async def test_what_costs_nothing_is_sold_too(shop: Shop) -> None:
    order = await shop.place((await shop.product(0), 2))
    await shop.reserve(order)
    await shop.reserve(order)
    assert [(entry["kind"], entry["quantity"], entry["amount"]) for entry in await entries(shop)] == [("sold", 2, 0)]


async def test_an_order_paid_late_is_sold_and_one_that_was_called_off_is_not(shop: Shop) -> None:
    late, off = await shop.place(), await shop.place()
    await shop.let_time_pass(late)
    await shop.ask(off, "cancel")
    await shop.one.hear(shop.captured(late), shop.captured(off))
    await shop.one.hear(shop.given_back(off), shop.given_back(off))
    assert [(entry["order_id"], entry["kind"]) for entry in await entries(shop)] == [(UUID(late["id"]), "sold")]
    assert await shop.status(off) == ("cancelled", "refunded")


async def test_a_paid_order_without_stock_is_sold_and_given_back(shop: Shop) -> None:
    seller = uuid4()
    order = await shop.place((await shop.product(2599, seller_id=seller), 1))
    await shop.let_time_pass(order)
    await shop.one.hear(shop.captured(order))
    await shop.refuse(order)
    (asked,) = await shop.one.told("order.refund_requested")
    await shop.one.hear(shop.given_back(order, UUID(asked.data["refund_id"])))
    [row] = await sold(shop, seller)
    assert row["revenue"] == row["refunded"] == order["total"]


async def test_a_whole_refund_takes_back_every_line(shop: Shop) -> None:
    order = await shop.paid((await shop.product(2599), 1), (await shop.product(7), 100))
    back = shop.given_back(order)
    await shop.one.hear(back, back)
    refunds = [(entry["quantity"], entry["amount"]) for entry in await entries(shop, "refunded")]
    assert refunds == [(1, 2599), (100, 700)]


async def test_parts_given_back_at_the_provider_add_up_to_what_went_back_and_in_the_end_to_each_line(
    shop: Shop,
) -> None:
    prices = (333, 333, 334, 0)
    order = await shop.paid(*[(await shop.product(price), 1) for price in prices])
    gone = 0
    for part in (100, 1, 1, 500, 398):
        await shop.one.hear(shop.given_back(order, amount=Money(part, "USD"), reason="made_at_provider"))
        gone += part
        assert (await given_back(shop)).total() == gone
    assert all(entry["amount"] >= 0 for entry in await entries(shop))
    back = await given_back(shop)
    assert [back[UUID(item["id"])] for item in order["items"]] == list(prices)
    taken = [(entry["line_id"], entry["quantity"]) for entry in await entries(shop, "refunded") if entry["quantity"]]
    assert sorted(taken) == sorted((UUID(item["id"]), 1) for item in order["items"])


async def test_money_that_came_back_to_us_is_taken_off_and_sent_again_pieces_are_taken_back_once(shop: Shop) -> None:
    order = await shop.paid((await shop.product(1000), 2))
    first, second = uuid4(), uuid4()
    await shop.one.hear(shop.given_back(order, first))
    await shop.one.hear(failed(shop, order, first), failed(shop, order, first))
    assert (await given_back(shop)).total() == 0
    await shop.one.hear(shop.given_back(order, second))
    refunds = [(entry["quantity"], entry["amount"]) for entry in await entries(shop, "refunded")]
    assert refunds == [(2, 2000), (0, -2000), (0, 2000)]


async def test_what_goes_back_beyond_the_whole_is_entered_as_it_went(shop: Shop) -> None:
    order = await shop.paid((await shop.product(1000), 1))
    await shop.one.hear(shop.given_back(order, amount=Money(600, "USD")))
    await shop.one.hear(shop.given_back(order), shop.given_back(order))
    assert (await given_back(shop)).total() == 2600
    assert [entry["quantity"] for entry in await entries(shop, "refunded")] == [0, 1, 0]


async def test_money_that_was_never_the_orders_is_no_matter_of_its_sellers(shop: Shop) -> None:
    paid, mismatched = await shop.paid(), await shop.awaiting()
    await shop.one.hear(shop.given_back(paid, capture="surplus"))
    found = PaymentMismatched(**shop.of(mismatched), expected=Money(2599, "USD"), found=Money(7, "USD"))
    await shop.one.hear(found, shop.given_back(mismatched, amount=Money(7, "USD"), capture="mismatched"))
    assert [entry["kind"] for entry in await entries(shop)] == ["sold"]


async def test_downloads_are_counted_each_event_once(shop: Shop) -> None:
    seller = uuid4()
    order = await shop.paid((await shop.product(seller_id=seller), 1))
    body = encode(downloaded(shop, order, seller), id_=new_id())
    for redelivered in (False, True, False, True):
        await shop.one.inbox.take([Delivery(body, redelivered)] * 2)
    await shop.one.hear(downloaded(shop, order, seller))
    await shop.one.work_waiting()
    [row] = await sold(shop, seller)
    assert (row["downloads"], row["quantity"], row["revenue"]) == (2, 1, order["total"])
    assert {entry["amount"] for entry in await entries(shop, "downloaded")} == {0}


async def test_a_download_heard_before_its_order_waits_for_it(shop: Shop) -> None:
    seller, order_id = uuid4(), new_id()
    unknown = {"id": str(order_id), "items": [{"id": str(new_id()), "product_id": str(new_id())}]}
    await shop.one.hear(downloaded(shop, unknown, seller))
    assert await shop.one.inbox_rows("waiting") == ["delivery.downloaded"]
    assert await entries(shop) == []


async def test_a_download_of_another_orders_line_is_not_entered(shop: Shop) -> None:
    order = await shop.paid()
    await shop.one.hear(downloaded(shop, {**order, "id": str(new_id())}, uuid4()))
    assert await entries(shop, "downloaded") == []


@pytest.mark.parametrize("kind", ["lost", ""])
async def test_the_journal_knows_three_kinds_of_entries(shop: Shop, kind: str) -> None:
    await shop.paid()
    async with shop.one.database.reading() as session:
        with pytest.raises(Exception, match="ck_sale_entries_kind"):
            await fetch(session, "UPDATE sale_entries SET kind = $1", kind)
