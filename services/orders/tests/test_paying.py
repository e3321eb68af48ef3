"""From reserved stock to delivered lines, through events in every order."""

import asyncio
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.contracts.payments import PaymentCancelled, PaymentFailed, PaymentMismatched, PaymentProcessing
from common.db import fetch
from common.money import Money
from common.testing import bearer

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]


def of(order: Json, shop: Shop) -> Json:
    """Return what every fact of the first payment attempt names."""
    return {"payment_id": shop.opened(order).payment_id, "order_id": UUID(order["id"]), "attempt": 1}


def failed(order: Json, shop: Shop, *, final: bool = False) -> PaymentFailed:
    """Return the fact of a declined try."""
    return PaymentFailed(**of(order, shop), reason="card_declined", try_ref="ch_0", final=final)


async def test_reserved_stock_asks_for_the_payment(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    assert await shop.status(order) == ("awaiting_payment", "pending")
    (asked,) = await shop.one.told("order.payment_requested")
    assert (asked.data["attempt"], asked.data["provider"], asked.data["amount"]) == (1, "stripe", order["total"])


async def test_the_first_answer_carries_the_client_secret_when_the_payment_opens_in_time(shop: Shop) -> None:
    placing = asyncio.create_task(shop.post(shop.wish((await shop.product(), 1)), key="k", wait=5))
    while not (told := await shop.one.told("order.created")):
        await asyncio.sleep(0.02)
    order = {"id": told[0].data["order_id"], "total": told[0].data["total"]}
    await shop.reserve(order)
    await shop.one.hear(shop.opened(order))
    answer = await asyncio.wait_for(placing, 3)
    assert answer.headers["Preference-Applied"] == "wait=5"
    assert answer.json()["payment"]["client_secret"] == "pi_1_secret_2"


async def test_only_the_buyer_sees_the_client_secret(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.one.hear(shop.opened(order))
    assert (await shop.show(order))["payment"]["client_secret"] == "pi_1_secret_2"
    assert (await shop.show(order, "admin"))["payment"]["client_secret"] is None


async def test_a_captured_payment_pays_once(shop: Shop) -> None:
    order = await shop.paid()
    await shop.one.hear(shop.captured(order), shop.captured(order))
    assert await shop.status(order) == ("paid", "succeeded")
    (paid,) = await shop.one.told("order.paid")
    assert paid.data["lines"][0]["image"] == "https://images.test/dunes.jpg"


async def test_every_order_of_the_facts_ends_paid(shop: Shop) -> None:
    for order_of_facts in permutations(range(4)):
        order = await shop.place()
        await shop.reserve(order)
        facts = [
            shop.opened(order),
            PaymentProcessing(**of(order, shop)),
            failed(order, shop),
            shop.captured(order),
        ]
        for place in order_of_facts:
            await shop.one.hear(facts[place])
        assert await shop.status(order) == ("paid", "succeeded")
    assert len(await shop.one.told("order.paid")) == 24


async def test_a_declined_try_leaves_the_order_payable(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.one.hear(shop.opened(order), failed(order, shop))
    assert await shop.status(order) == ("awaiting_payment", "failed")
    await shop.one.hear(shop.captured(order))
    assert await shop.status(order) == ("paid", "succeeded")


async def test_an_order_without_stock_is_rejected(shop: Shop) -> None:
    order = await shop.place()
    await shop.refuse(order)
    await shop.reserve(order)
    shown = await shop.show(order)
    assert (shown["status"], shown["reason"]) == ("rejected", "out_of_stock")
    assert len(await shop.one.told("order.rejected")) == 1


async def test_an_order_that_costs_nothing_is_paid_at_once(shop: Shop) -> None:
    order = await shop.place((await shop.product(0), 1))
    await shop.reserve(order)
    assert await shop.status(order) == ("paid", "succeeded")
    (paid,) = await shop.one.told("order.paid")
    assert paid.data["payment_id"] is None


async def test_an_unreserved_order_expires_directly(shop: Shop) -> None:
    order = await shop.place()
    await shop.let_time_pass(order)
    assert (await shop.status(order))[0] == "expired"
    await shop.reserve(order)
    assert (await shop.status(order))[0] == "expired"


async def test_an_open_payment_is_closed_before_the_order_expires(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.let_time_pass(order)
    assert (await shop.status(order))[0] == "closing"
    assert await shop.one.told("order.expired") == []
    await shop.one.hear(PaymentCancelled(**of(order, shop), reason="expired"))
    assert (await shop.status(order))[0] == "expired"
    assert len(await shop.one.told("order.expired")) == 1


async def test_money_that_comes_while_closing_pays(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.let_time_pass(order)
    await shop.one.hear(shop.captured(order), PaymentCancelled(**of(order, shop), reason="expired"))
    assert await shop.status(order) == ("paid", "succeeded")


async def test_a_provider_that_cannot_be_asked_does_not_keep_the_order_open(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.let_time_pass(order)
    await shop.let_time_pass(order)
    assert (await shop.status(order))[0] == "expired"


async def test_a_payment_the_provider_refused_ends_a_closing_order(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.let_time_pass(order)
    await shop.one.hear(failed(order, shop, final=True))
    assert (await shop.status(order))[0] == "expired"


async def test_a_bank_that_takes_its_time_suspends_the_expiry(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.one.hear(shop.opened(order), PaymentProcessing(**of(order, shop)))
    await shop.let_time_pass(order, days=6)
    assert await shop.status(order) == ("awaiting_payment", "processing")
    await shop.let_time_pass(order, days=2)
    assert (await shop.status(order))[0] == "closing"


async def test_late_money_pays_an_expired_order_while_there_is_stock(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.let_time_pass(order)
    await shop.let_time_pass(order)
    assert (await shop.show(order))["reason"] == "expired"
    await shop.one.hear(shop.captured(order))
    assert await shop.status(order) == ("paid", "succeeded")
    assert (await shop.show(order))["reason"] is None, "nothing has ended"


async def test_a_paid_order_without_stock_gets_its_money_back_once(shop: Shop) -> None:
    order = await shop.paid()
    await shop.refuse(order)
    await shop.refuse(order)
    (asked,) = await shop.one.told("order.refund_requested")
    assert (asked.data["amount"], asked.data["reason"]) == (order["total"], "out_of_stock")
    await shop.one.hear(shop.given_back(order, UUID(asked.data["refund_id"])), shop.given_back(order))
    assert await shop.status(order) == ("refunded", "refunded")
    (told,) = await shop.one.told("order.refunded")
    assert told.data["lines"] == [item["id"] for item in order["items"]]


async def test_money_of_another_amount_never_pays(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    await shop.one.hear(shop.captured(order, amount=Money(1, "USD")))
    assert (await shop.status(order))[0] == "awaiting_payment"
    (asked,) = await shop.one.told("order.refund_requested")
    assert asked.data["reason"] == "payment_mismatch"
    assert await shop.one.told("order.paid") == []


async def test_a_mismatched_payment_cancels_the_order_and_frees_its_stock(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    mismatch = PaymentMismatched(**of(order, shop), expected=Money(2599, "USD"), found=Money(1, "USD"))
    await shop.one.hear(mismatch, mismatch)
    shown = await shop.show(order)
    assert (shown["status"], shown["reason"]) == ("cancelled", "payment_mismatch")
    assert len(await shop.one.told("order.cancelled")) == 1
    await shop.one.hear(shop.given_back(order))
    assert await shop.status(order) == ("cancelled", "refunded")
    assert len(await shop.one.told("order.refunded")) == 1


async def test_money_for_a_cancelled_order_goes_back(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    mismatch = PaymentMismatched(**of(order, shop), expected=Money(2599, "USD"), found=Money(1, "USD"))
    await shop.one.hear(mismatch, shop.captured(order))
    (asked,) = await shop.one.told("order.refund_requested")
    assert asked.data["reason"] == "paid_after_end"
    assert (await shop.status(order))[0] == "cancelled"


async def test_the_last_delivered_line_fulfils_the_order(shop: Shop) -> None:
    first, second = await shop.product(), await shop.product()
    order = await shop.paid((first, 1), (second, 1))
    await shop.one.hear(shop.granted(order, 0), shop.granted(order, 0))
    assert (await shop.status(order))[0] == "paid"
    await shop.one.hear(shop.granted(order, 1))
    assert (await shop.status(order))[0] == "fulfilled"
    assert len(await shop.one.told("order.fulfilled")) == 1


async def test_an_admin_ships_physical_lines(shop: Shop) -> None:
    order = await shop.paid((await shop.product(kind="physical"), 2), (await shop.product(), 1))
    await shop.one.hear(shop.granted(order, 1))
    answer = await shop.one.client.post(
        f"/orders/{order['id']}/ship", json={"tracking": "1Z999"}, headers=bearer(uuid4(), "admin")
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "fulfilled")
    (told,) = await shop.one.told("order.shipped")
    assert told.data["tracking"] == "1Z999"
    again = await shop.one.client.post(f"/orders/{order['id']}/ship", json={}, headers=bearer(uuid4(), "admin"))
    assert (again.status_code, again.json()["code"]) == (409, "order_moved_on")


@pytest.mark.parametrize(("roles", "status"), [(("customer",), 403), (("seller",), 403), (("support",), 403)])
async def test_only_an_admin_ships(shop: Shop, roles: tuple[str, ...], status: int) -> None:
    order = await shop.paid((await shop.product(kind="physical"), 1))
    answer = await shop.one.client.post(f"/orders/{order['id']}/ship", json={}, headers=bearer(uuid4(), *roles))
    assert answer.status_code == status


async def test_an_unpaid_order_or_one_without_parcels_is_not_shipped(shop: Shop) -> None:
    unpaid = await shop.place()
    admin = bearer(uuid4(), "admin")
    answer = await shop.one.client.post(f"/orders/{unpaid['id']}/ship", json={}, headers=admin)
    assert answer.json()["code"] == "order_moved_on"
    digital = await shop.paid()
    answer = await shop.one.client.post(f"/orders/{digital['id']}/ship", json={}, headers=admin)
    assert answer.json()["code"] == "nothing_to_ship"


async def test_facts_of_an_order_not_yet_known_wait_for_it(shop: Shop) -> None:
    stranger = {"id": str(uuid4()), "total": {"amount": 1, "currency": "USD"}}
    await shop.one.hear(shop.captured(stranger))
    assert await shop.one.inbox_rows("waiting") == ["payment.succeeded"]


async def test_every_move_is_recorded_with_the_event_that_told_of_it(shop: Shop) -> None:
    order = await shop.paid()
    async with shop.one.database.reading() as session:
        moves = await fetch(session, "SELECT * FROM order_transitions ORDER BY version")
    told = {envelope.id: envelope.type for envelope in await shop.one.told()}
    assert [move["went_to"] for move in moves] == ["pending", "awaiting_payment", "paid"]
    assert all(told[move["event_id"]] == move["event_type"] for move in moves)
    assert order["status"] == "pending"
