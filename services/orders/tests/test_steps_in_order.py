"""Rows B53 to B56 of the cases: bad carts, and steps that are skipped, repeated or too late."""

from typing import Any
from uuid import uuid4

import pytest

from common.contracts.catalog import ProductArchived
from common.contracts.payments import PaymentCancelled
from common.testing import bearer

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]
STRIPE = {"provider": "stripe", "flow": "intent"}
ENDS = ("pending", "paid", "fulfilled", "refunded", "rejected", "closing", "expired", "cancelled")


async def order_that_is(shop: Shop, status: str) -> Json:
    """Return an order in a state."""
    if status in {"paid", "fulfilled", "refunded"}:
        order: Json = await shop.paid((await shop.product(kind="physical"), 1))
        if status == "fulfilled":
            await shop.ask(order, "ship", {}, headers=bearer(uuid4(), "admin"))
        elif status == "refunded":
            await shop.one.hear(shop.given_back(order))
    else:
        order = await shop.place()
        if status == "rejected":
            await shop.refuse(order)
        elif status == "cancelled":
            await shop.ask(order, "cancel")
        elif status in {"closing", "expired"}:
            await shop.reserve(order)
            await shop.let_time_pass(order)
            if status == "expired":
                await shop.one.hear(PaymentCancelled(**shop.of(order), reason="expired"))
    assert (await shop.status(order))[0] == status
    return order


async def test_b53_an_empty_cart_and_one_of_ten_thousand_and_one_lines_are_refused(shop: Shop) -> None:
    dune = str(await shop.product())
    for count, status in ((0, 422), (101, 422), (10_001, 413)):
        body = shop.wish() | {"items": [{"product_id": dune, "quantity": 1}] * count}
        assert (await shop.post(body)).status_code == status


async def test_b53_the_same_product_twice_is_one_line(shop: Shop) -> None:
    dune = await shop.product()
    order = await shop.place((dune, 1), (dune, 2))
    assert [item["quantity"] for item in order["items"]] == [3]


async def test_b53_products_that_are_not_for_sale_or_unknown_are_refused(shop: Shop) -> None:
    draft, gone = await shop.product(active=False), await shop.product()
    await shop.one.hear(ProductArchived(product_id=gone, version_number=2))
    for product_id, code in ((draft, "product_not_for_sale"), (gone, "product_not_for_sale")):
        answer = await shop.post(shop.wish((product_id, 1)))
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    answer = await shop.post(shop.wish((uuid4(), 1)))
    assert (answer.status_code, answer.json()["code"]) == (409, "product_not_ready")


async def test_b53_a_price_that_changed_since_it_was_shown_is_told_with_both(shop: Shop) -> None:
    dune = await shop.product(2599)
    answer = await shop.post(shop.wish((dune, 1), expected_total={"amount": 1999, "currency": "USD"}))
    assert (answer.status_code, answer.json()["code"]) == (409, "price_changed")
    assert (answer.json()["expected"]["amount"], answer.json()["total"]["amount"]) == (1999, 2599)


@pytest.mark.parametrize("status", ENDS)
async def test_b54_an_order_that_does_not_await_payment_is_not_paid(shop: Shop, status: str) -> None:
    order = await order_that_is(shop, status)
    asked = len(await shop.one.told("order.payment_requested"))
    answer = await shop.pay(order, STRIPE)
    body = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (409, "order_not_payable", 409)
    assert body["order_status"] == status
    assert len(await shop.one.told("order.payment_requested")) == asked


@pytest.mark.parametrize("field", ["currency", "amount", "expected_total"])
async def test_b54_an_order_is_paid_in_its_own_currency_only(shop: Shop, field: str) -> None:
    answer = await shop.pay(await shop.awaiting(), {**STRIPE, field: "INR"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")


@pytest.mark.parametrize("status", ["paid", "fulfilled", "refunded", "rejected", "expired"])
async def test_b55_what_is_paid_shipped_or_ended_otherwise_is_not_cancelled(shop: Shop, status: str) -> None:
    order = await order_that_is(shop, status)
    answer = await shop.ask(order, "cancel")
    assert (answer.status_code, answer.json()["code"], answer.json()["current"]) == (409, "order_moved_on", status)
    assert await shop.one.told("order.cancelled") == []


@pytest.mark.parametrize("amount", [{"amount": 999_999, "currency": "USD"}, 0, {"amount": 1, "currency": "INR"}, -1])
async def test_b55_a_refund_takes_no_amount(shop: Shop, amount: object) -> None:
    order = await shop.paid()
    for body in ({"reason": "x", "amount": amount}, {"reason": "x", "lines": []}):
        answer = await shop.ask(order, "refunds", body, headers=bearer(uuid4(), "support"))
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")
    assert await shop.one.told("order.refund_requested") == []


async def test_b55_nothing_is_refunded_twice(shop: Shop) -> None:
    order = await order_that_is(shop, "refunded")
    answer = await shop.ask(order, "refunds", {"reason": "x"}, headers=bearer(uuid4(), "support"))
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_refund")


@pytest.mark.parametrize("status", ["pending", "awaiting_payment", "closing", "expired", "cancelled", "rejected"])
async def test_b56_what_was_not_captured_is_neither_refunded_nor_shipped(shop: Shop, status: str) -> None:
    order = await shop.awaiting() if status == "awaiting_payment" else await order_that_is(shop, status)
    clerk = bearer(uuid4(), "admin")
    refund = await shop.ask(order, "refunds", {"reason": "x"}, headers=clerk)
    assert (refund.status_code, refund.json()["code"]) == (409, "nothing_to_refund")
    ship = await shop.ask(order, "ship", {}, headers=clerk)
    assert (ship.status_code, ship.json()["code"]) == (409, "order_moved_on")
    assert await shop.one.told("order.refund_requested", "order.shipped", "order.paid") == []
