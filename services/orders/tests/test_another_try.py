"""Paying again: another attempt, which of several counts, and what its buyer gets to pay it with."""

import asyncio
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.contracts.auth import UserRegistered, UserUpdated
from common.contracts.payments import PaymentCancelled, PaymentFailed, PaymentMismatched, PaymentProcessing
from common.db import fetch
from common.money import Money
from common.testing import bearer

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]
RAZORPAY = {"provider": "razorpay", "flow": "checkout"}
STRIPE = {"provider": "stripe", "flow": "intent"}


async def pay_twice(shop: Shop) -> Json:
    """Return an order whose second attempt is being opened."""
    order: Json = await shop.awaiting()
    answer = await shop.pay(order, RAZORPAY)
    assert answer.status_code == 201, answer.text
    return order


async def test_another_try_asks_for_another_attempt_and_forgets_the_old_secret(shop: Shop) -> None:
    order = await shop.awaiting()
    answer = await shop.pay(order, RAZORPAY)
    assert (answer.status_code, answer.json()["payment"]) == (201, None)
    first, second = await shop.one.told("order.payment_requested")
    assert (first.data["attempt"], first.data["provider"]) == (1, "stripe")
    assert (second.data["attempt"], second.data["provider"], second.data["flow"]) == (2, "razorpay", "checkout")
    assert second.data["amount"] == order["total"]
    assert await shop.status(order) == ("awaiting_payment", "pending")


async def test_the_answer_waits_until_the_new_attempt_is_open(shop: Shop) -> None:
    order = await shop.awaiting()
    paying = asyncio.create_task(shop.pay(order, RAZORPAY, wait=5))
    await shop.until_told("order.payment_requested", 2)
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="superseded"))
    await asyncio.sleep(0.2)
    assert not paying.done()
    await shop.one.hear(shop.opened_at_razorpay(order, 2))
    answer = await asyncio.wait_for(paying, 3)
    assert answer.headers["Preference-Applied"] == "wait=5"
    payment = answer.json()["payment"]
    assert (payment["attempt"], payment["status"], payment["client_secret"]) == (2, "open", None)
    assert payment["razorpay"] == {
        "order_id": "order_2",
        "key_id": "rzp_test_1",
        "amount": 2599,
        "currency": "USD",
        "prefill": {"name": None, "email": None},
    }


async def test_the_answer_shows_the_old_attempt_when_that_one_turned_out_to_be_alive(shop: Shop) -> None:
    order = await shop.awaiting()
    paying = asyncio.create_task(shop.pay(order, RAZORPAY, wait=5))
    await shop.until_told("order.payment_requested", 2)
    await shop.one.hear(PaymentCancelled(**shop.of(order, 2), reason="previous_attempt_live"))
    payment = (await asyncio.wait_for(paying, 3)).json()["payment"]
    assert (payment["attempt"], payment["provider"], payment["client_secret"]) == (1, "stripe", "pi_1_secret_2")


async def test_the_answer_does_not_wait_for_an_attempt_that_its_provider_refuses(shop: Shop) -> None:
    order = await shop.awaiting()
    paying = asyncio.create_task(shop.pay(order, RAZORPAY, wait=5))
    await shop.until_told("order.payment_requested", 2)
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="superseded"))
    await shop.one.hear(PaymentFailed(**shop.of(order, 2), reason="refused", try_ref="-", final=True))
    answer = await asyncio.wait_for(paying, 3)
    assert (answer.json()["payment"]["status"], answer.json()["payment_status"]) == ("failed", "failed")
    assert (await shop.pay(order, STRIPE)).status_code == 201
    assert [told.data["attempt"] for told in await shop.one.told("order.payment_requested")] == [1, 2, 3]


async def test_a_replay_of_pay_asks_once_and_shows_the_order_as_it_stands(shop: Shop) -> None:
    order = await shop.awaiting()
    first = await shop.pay(order, RAZORPAY, key="once")
    await shop.one.hear(shop.opened_at_razorpay(order, 2))
    again = await shop.pay(order, RAZORPAY, key="once", wait=5)
    assert (first.status_code, again.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["payment"]["razorpay"]["order_id"] == "order_2"
    assert len(await shop.one.told("order.payment_requested")) == 2
    assert (await shop.pay(order, STRIPE, key="once")).json()["code"] == "idempotency_key_reused"


async def test_clicking_twice_opens_one_attempt(shop: Shop) -> None:
    order = await shop.awaiting()
    answers = await asyncio.gather(*(shop.pay(order, RAZORPAY) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert (refused.json()["code"], refused.headers["Retry-After"]) == ("payment_being_opened", "1")
    assert len(await shop.one.told("order.payment_requested")) == 2


async def test_an_attempt_that_never_opened_may_be_replaced(shop: Shop) -> None:
    order = await shop.place()
    await shop.reserve(order)
    assert (await shop.pay(order, RAZORPAY)).status_code == 201
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="superseded"), shop.opened_at_razorpay(order, 2))
    assert (await shop.show(order))["payment"]["attempt"] == 2


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ({"provider": "razorpay", "flow": "intent"}, "provider_not_configured"),
        ({**STRIPE, "amount": 1}, "unknown_field"),
        ({"provider": "paypal", "flow": "checkout"}, None),
        ({}, None),
    ],
)
async def test_a_way_to_pay_that_does_not_exist_is_refused(shop: Shop, way: Json, code: str | None) -> None:
    answer = await shop.pay(await shop.awaiting(), way)
    assert (answer.status_code, answer.json()["code"]) == (422, code or answer.json()["code"])
    assert len(await shop.one.told("order.payment_requested")) == 1


async def test_an_amount_the_other_provider_cannot_charge_is_refused(shop: Shop) -> None:
    order = await shop.awaiting((await shop.product(60, "INR"), 1))
    answer = await shop.pay(order, RAZORPAY)
    assert (answer.status_code, answer.json()["code"]) == (422, "amount_not_chargeable")
    assert (answer.json()["reason"], answer.json()["minimum"]) == ("too_small", 100)
    assert (await shop.pay(order, STRIPE)).status_code == 201


async def test_only_the_buyer_pays_and_with_a_key(shop: Shop) -> None:
    order = await shop.awaiting()
    for user in (bearer(uuid4()), bearer(uuid4(), "admin")):
        answer = await shop.one.client.post(
            f"/orders/{order['id']}/pay", json=RAZORPAY, headers={**user, "Idempotency-Key": "k", "Prefer": "wait=0"}
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    keyless = await shop.one.client.post(f"/orders/{order['id']}/pay", json=RAZORPAY, headers=bearer(shop.buyer))
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")


async def test_money_on_its_way_or_here_keeps_another_attempt_out(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.one.hear(PaymentProcessing(**shop.of(order)))
    answer = await shop.pay(order, RAZORPAY)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_in_progress")
    await shop.one.hear(PaymentFailed(**shop.of(order), reason="declined", try_ref="ch_0", final=False))
    assert (await shop.pay(order, RAZORPAY)).status_code == 201


async def test_a_previous_attempt_that_is_alive_is_current_again(shop: Shop) -> None:
    order = await pay_twice(shop)
    await shop.one.hear(PaymentCancelled(**shop.of(order, 2), reason="previous_attempt_live"))
    await shop.one.hear(PaymentProcessing(**shop.of(order)))
    payment = (await shop.show(order))["payment"]
    assert (payment["attempt"], payment["status"], payment["client_secret"]) == (1, "processing", "pi_1_secret_2")
    assert (await shop.pay(order, RAZORPAY)).json()["code"] == "payment_in_progress"
    await shop.one.hear(shop.captured(order))
    assert await shop.status(order) == ("paid", "succeeded")
    assert (await shop.show(order))["payment"]["attempt"] == 1


async def test_money_of_an_earlier_attempt_pays_and_is_shown_as_the_payment(shop: Shop) -> None:
    order = await pay_twice(shop)
    facts = [
        PaymentCancelled(**shop.of(order), reason="superseded"),
        shop.opened_at_razorpay(order, 2),
        shop.captured(order),
        PaymentCancelled(**shop.of(order, 2), reason="order_paid"),
    ]
    await shop.one.hear(*facts)
    shown = await shop.show(order)
    assert (shown["status"], shown["payment_status"]) == ("paid", "succeeded")
    assert (shown["payment"]["attempt"], shown["payment"]["provider"]) == (1, "stripe")
    (paid,) = await shop.one.told("order.paid")
    assert paid.data["payment_id"] == str(shop.payment_id(order))


async def test_whatever_the_order_of_the_facts_the_same_attempt_is_current(shop: Shop) -> None:
    for places in permutations(range(4)):
        order = await pay_twice(shop)
        facts = [
            PaymentProcessing(**shop.of(order)),
            PaymentCancelled(**shop.of(order), reason="superseded"),
            shop.opened_at_razorpay(order, 2),
            PaymentFailed(**shop.of(order, 2), reason="declined", try_ref="pay_0", final=False),
        ]
        for place in places:
            await shop.one.hear(facts[place])
        shown = await shop.show(order)
        assert (shown["status"], shown["payment_status"], shown["payment"]["attempt"]) == (
            "awaiting_payment",
            "failed",
            2,
        ), places
        assert shown["payment"]["razorpay"]["order_id"] == "order_2"


async def test_a_mismatch_of_an_earlier_attempt_leaves_the_order_to_the_one_that_is_open(shop: Shop) -> None:
    order = await pay_twice(shop)
    await shop.one.hear(
        PaymentMismatched(**shop.of(order), expected=Money(2599, "USD"), found=Money(1, "USD")),
        shop.opened_at_razorpay(order, 2),
    )
    assert await shop.status(order) == ("awaiting_payment", "pending")
    await shop.one.hear(shop.captured(order, **shop.of(order, 2)))
    back = shop.given_back(order, payment_id=shop.payment_id(order), amount=Money(1, "USD"), capture="mismatched")
    await shop.one.hear(back)
    assert await shop.status(order) == ("paid", "succeeded")
    (told,) = await shop.one.told("order.refunded")
    assert (told.data["whole"], told.data["lines"]) == (False, [])


async def test_a_mismatch_given_back_takes_nothing_from_an_order_that_may_still_be_paid(shop: Shop) -> None:
    order = await pay_twice(shop)
    await shop.one.hear(
        PaymentMismatched(**shop.of(order), expected=Money(2599, "USD"), found=Money(1, "USD")),
        shop.opened_at_razorpay(order, 2),
        shop.given_back(order, payment_id=shop.payment_id(order), amount=Money(1, "USD"), capture="mismatched"),
    )
    assert await shop.status(order) == ("awaiting_payment", "pending")
    (told,) = await shop.one.told("order.refunded")
    assert (told.data["whole"], told.data["lines"]) == (False, []), "what is paid next is delivered"
    await shop.one.hear(shop.captured(order, **shop.of(order, 2)))
    assert await shop.status(order) == ("paid", "succeeded")


async def test_the_checkout_is_prefilled_from_the_newest_copy_of_the_buyer(shop: Shop) -> None:
    order = await pay_twice(shop)
    await shop.one.hear(shop.opened_at_razorpay(order, 2))
    newest = UserUpdated(user_id=shop.buyer, name="Ada L.", email="ada@new.test", roles=[], version_number=2)
    await shop.one.hear(newest)
    await shop.one.hear(
        UserRegistered(user_id=shop.buyer, name="Ada", email="ada@old.test", roles=[], version_number=1)
    )
    expected = {"name": "Ada L.", "email": "ada@new.test"}
    assert (await shop.show(order))["payment"]["razorpay"]["prefill"] == expected
    listed = (await shop.one.client.get("/orders", headers=bearer(shop.buyer))).json()["items"]
    assert listed[0]["payment"]["razorpay"]["prefill"] == expected
    assert "ada" not in str([envelope.data for envelope in await shop.one.told()]).lower()


async def test_what_is_needed_to_pay_is_the_buyers_own(shop: Shop) -> None:
    order = await pay_twice(shop)
    await shop.one.hear(shop.opened_at_razorpay(order, 2))
    assert (await shop.show(order))["payment"]["razorpay"]["key_id"] == "rzp_test_1"
    assert (await shop.show(order, "admin"))["payment"]["razorpay"] is None
    other = await shop.place(payment={"provider": "stripe", "flow": "checkout"})
    await shop.reserve(other)
    page = "https://checkout.test/cs_1"
    await shop.one.hear(shop.opened(other, flow="checkout", client_secret=None, checkout_url=page))
    assert (await shop.show(other))["payment"]["checkout_url"] == page
    assert (await shop.show(other, "support"))["payment"]["checkout_url"] is None


async def test_each_request_for_a_payment_has_its_step(shop: Shop) -> None:
    order = await pay_twice(shop)
    await shop.let_time_pass(order)
    await shop.one.hear(PaymentCancelled(**shop.of(order, 2), reason="previous_attempt_live"))
    async with shop.one.database.reading() as session:
        steps = await fetch(session, "SELECT * FROM order_transitions ORDER BY version")
    told = {envelope.id: envelope.type for envelope in await shop.one.told()}
    assert [step["version"] for step in steps] == [1, 2, 3, 4, 5]
    assert [told[step["event_id"]] for step in steps] == [
        "order.created",
        "order.payment_requested",
        "order.payment_requested",
        "order.closing",
        "order.closing",
    ]


async def test_the_second_attempt_of_an_expiring_order_is_the_one_to_be_closed(shop: Shop) -> None:
    order = await pay_twice(shop)
    await shop.let_time_pass(order)
    (closing,) = await shop.one.told("order.closing")
    assert (closing.data["attempt"], closing.data["into"]) == (2, "expired")
    assert UUID(closing.data["order_id"]) == UUID(order["id"])
