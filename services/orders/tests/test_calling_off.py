"""Ending unpaid: by the buyer or by the clock, after the till is closed, whatever the order of the facts."""

import asyncio
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from common.contracts.payments import PaymentCancelled, PaymentFailed, PaymentProcessing
from common.db import fetch
from common.testing import bearer

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]
RAZORPAY = {"provider": "razorpay", "flow": "checkout"}


async def cancel(shop: Shop, order: Json, **asked: Any) -> Any:
    """Call an order off and return the response."""
    return await shop.ask(order, "cancel", **asked)


async def test_a_pending_order_is_cancelled_at_once_and_late_stock_changes_nothing(shop: Shop) -> None:
    order = await shop.place()
    answer = await cancel(shop, order)
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (200, "cancelled", "cancelled")
    await shop.reserve(order)
    await shop.refuse(order)
    assert await shop.status(order) == ("cancelled", "none")
    assert len(await shop.one.told("order.cancelled")) == 1
    assert await shop.one.told("order.payment_requested", "order.rejected") == []


async def test_an_open_payment_is_closed_before_the_order_is_cancelled(shop: Shop) -> None:
    order = await shop.awaiting()
    cancelling = asyncio.create_task(cancel(shop, order, wait=5))
    await shop.until_told("order.closing", 1)
    (closing,) = await shop.one.told("order.closing")
    assert (closing.data["attempt"], closing.data["into"]) == (1, "cancelled")
    assert not cancelling.done()
    assert await shop.one.told("order.cancelled") == []
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="cancelled"))
    answer = await asyncio.wait_for(cancelling, 3)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


async def test_cancelling_twice_gives_the_same_answer_and_one_end(shop: Shop) -> None:
    order = await shop.awaiting()
    answers = await asyncio.gather(*(cancel(shop, order) for _ in range(5)))
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "closing")}
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="cancelled"))
    again = [await cancel(shop, order, key=key) for key in ("k", "k", "l")]
    assert {(answer.status_code, answer.json()["status"]) for answer in again} == {(200, "cancelled")}
    assert [len(await shop.one.told(wire)) for wire in ("order.closing", "order.cancelled")] == [1, 1]


async def test_cancelling_needs_no_key_but_the_buyer(shop: Shop) -> None:
    order = await shop.place()
    strange = await shop.one.client.post(f"/orders/{order['id']}/cancel", headers=bearer(uuid4(), "admin"))
    assert (strange.status_code, strange.json()["code"]) == (404, "order_not_found")
    answer = await shop.one.client.post(f"/orders/{order['id']}/cancel", headers=bearer(shop.buyer))
    assert answer.status_code == 200


async def test_money_on_its_way_keeps_an_order_from_being_cancelled(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.one.hear(PaymentProcessing(**shop.of(order)))
    answer = await cancel(shop, order)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_in_progress")
    await shop.let_time_pass(order, days=8)
    assert (await cancel(shop, order)).json()["code"] == "payment_in_progress"


async def test_an_order_whose_attempts_have_all_ended_needs_no_closing(shop: Shop) -> None:
    cancelled, expired = await shop.awaiting(), await shop.awaiting()
    for order in (cancelled, expired):
        await shop.one.hear(PaymentFailed(**shop.of(order), reason="refused", try_ref="-", final=True))
    assert (await cancel(shop, cancelled)).json()["status"] == "cancelled"
    await shop.let_time_pass(expired)
    assert (await shop.status(expired))[0] == "expired"
    assert await shop.one.told("order.closing") == []


async def test_an_order_that_is_closing_for_its_expiry_ends_cancelled_once(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.let_time_pass(order)
    assert (await cancel(shop, order)).json()["status"] == "closing"
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="expired"))
    assert (await shop.status(order))[0] == "cancelled"
    assert [len(await shop.one.told(wire)) for wire in ("order.cancelled", "order.expired")] == [1, 0]


async def test_a_cancelled_order_whose_provider_cannot_be_asked_is_cancelled_anyway_and_late_money_goes_back(
    shop: Shop,
) -> None:
    order = await shop.awaiting()
    await cancel(shop, order)
    await shop.let_time_pass(order)
    assert (await shop.status(order))[0] == "cancelled"
    await shop.one.hear(shop.captured(order), shop.captured(order))
    (asked,) = await shop.one.told("order.refund_requested")
    assert (asked.data["reason"], asked.data["amount"]) == ("paid_after_end", order["total"])
    assert await shop.status(order) == ("cancelled", "succeeded")
    assert await shop.one.told("order.paid") == []


async def test_money_found_while_an_order_is_being_cancelled_pays_it(shop: Shop) -> None:
    order = await shop.awaiting()
    cancelling = asyncio.create_task(cancel(shop, order, wait=5))
    await shop.until_told("order.closing", 1)
    await shop.one.hear(shop.captured(order))
    assert (await asyncio.wait_for(cancelling, 3)).json()["status"] == "paid"
    assert (await cancel(shop, order)).json()["code"] == "order_moved_on"


async def test_money_on_its_way_while_closing_is_awaited_for_days(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.let_time_pass(order)
    await shop.one.hear(PaymentProcessing(**shop.of(order)))
    await shop.let_time_pass(order, days=6)
    assert await shop.status(order) == ("closing", "processing")
    await shop.one.hear(PaymentFailed(**shop.of(order), reason="declined", try_ref="ch_0", final=False))
    assert (await shop.status(order))[0] == "closing"
    await shop.let_time_pass(order)
    assert (await shop.status(order))[0] == "expired"


async def test_money_on_its_way_while_closing_is_not_awaited_for_ever(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.let_time_pass(order)
    await shop.one.hear(PaymentProcessing(**shop.of(order)), PaymentProcessing(**shop.of(order)))
    await shop.let_time_pass(order, days=8)
    assert (await shop.status(order))[0] == "expired"


async def test_closing_goes_on_with_the_attempt_that_turns_out_to_be_alive(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.pay(order, RAZORPAY)
    await shop.let_time_pass(order)
    await shop.one.hear(PaymentCancelled(**shop.of(order, 2), reason="previous_attempt_live"))
    assert [told.data["attempt"] for told in await shop.one.told("order.closing")] == [2, 1]
    assert (await shop.status(order))[0] == "closing"
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="expired"))
    assert (await shop.status(order))[0] == "expired"


async def test_an_older_attempt_that_ends_does_not_end_an_order_that_is_closing(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.pay(order, RAZORPAY)
    await shop.one.hear(shop.opened_at_razorpay(order, 2))
    await shop.let_time_pass(order)
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="superseded"))
    assert (await shop.status(order))[0] == "closing"
    await shop.one.hear(PaymentCancelled(**shop.of(order, 2), reason="expired"))
    assert (await shop.status(order))[0] == "expired"


@pytest.mark.parametrize("end", ["cancelled", "captured"])
async def test_the_till_is_closed_before_the_shelf_is_freed_in_every_order_of_the_facts(shop: Shop, end: str) -> None:
    """Each step is a fact or the clock; stock may be freed only when no attempt is known to be alive."""
    for places in permutations(range(4)):
        order = await shop.awaiting()
        await shop.pay(order, RAZORPAY)
        last = shop.captured(order, **shop.of(order, 2)) if end == "captured" else None
        steps = [
            None,  # the time is up
            PaymentCancelled(**shop.of(order), reason="superseded"),
            shop.opened_at_razorpay(order, 2),
            last or PaymentCancelled(**shop.of(order, 2), reason="expired"),
        ]
        closed: set[int] = set()
        for place in places:
            fact = steps[place]
            await (shop.let_time_pass(order) if fact is None else shop.one.hear(fact))
            closed |= {place} & {1, 3}
            freed = (await shop.status(order))[0] in {"expired", "cancelled"}
            assert not freed or closed == {1, 3}, (places, place)
        await shop.let_time_pass(order)
        expected = ("paid", "succeeded") if end == "captured" else ("expired", "failed")
        assert await shop.status(order) == expected, places
    ends = [len(await shop.one.told(wire)) for wire in ("order.expired", "order.paid", "order.refund_requested")]
    assert ends == ([0, 24, 0] if end == "captured" else [24, 0, 0])


async def test_every_end_is_recorded_with_the_event_that_told_of_it(shop: Shop) -> None:
    order = await shop.awaiting()
    await cancel(shop, order)
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="cancelled"))
    async with shop.one.database.reading() as session:
        moves = await fetch(session, "SELECT * FROM order_transitions ORDER BY version")
    assert [move["event_type"] for move in moves] == [
        "order.created",
        "order.payment_requested",
        "order.closing",
        "order.cancelled",
    ]
