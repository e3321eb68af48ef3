"""What other shops of this kind got wrong with payments, each as it would show here."""

import time

import pytest

from .conftest import MakeTill, Street
from .counters import CHECKOUT, COUNTERS, both_providers

SLOW_ACCOUNT, FAILING_ACCOUNT = "000123456789", "000222222227"


@pytest.mark.parametrize(("account", "end"), [(SLOW_ACCOUNT, "payment.succeeded"), (FAILING_ACCOUNT, "payment.failed")])
async def test_a_session_that_is_completed_but_unpaid_pays_nothing_until_the_bank_has(
    make_till: MakeTill, street: Street, account: str, end: str
) -> None:
    """Goods were free by any delayed method: the order was placed by `checkout.session.completed` alone."""
    till = await make_till(environ=both_providers(street))
    payment = await CHECKOUT.open(till)
    await till.http.post(payment["checkout_url"], data={"card_number": account})
    [completed] = await till.events("checkout.session.completed")
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    await till.webhook(completed)
    await till.one.work_loops("apply facts")
    assert (await till.payment(payment["payment_id"]))["status"] == "processing"
    assert await till.told("payment.succeeded", "payment.failed") == []

    async def later() -> bool:
        return bool(
            await till.events("checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed")
        )

    await till.until(later)
    for event in await till.events():
        await till.webhook(event)
    for _ in range(3):
        await till.one.work_loops("apply facts")
    assert [fact["payment_id"] for fact in await till.told(end)] == [payment["payment_id"]]
    assert len(await till.told("payment.succeeded", "payment.failed")) == 1


@pytest.mark.parametrize("counter", COUNTERS.values(), ids=COUNTERS.keys())
async def test_the_provider_takes_exactly_the_cents_of_the_order(make_till, street, counter) -> None:
    """19.99 became 1998.9999999999998, and what cost less than one whole unit could not be bought."""
    till = await make_till(environ=both_providers(street))
    amounts = [99 if counter.provider == "stripe" else 100, 115, 1999, 2999, 57_999]
    for amount in amounts:
        await counter.pay(till, await counter.open(till, amount=amount))
    await till.poll()
    assert [money["amount"] for money in await counter.charged(till)] == amounts
    told = await till.told("payment.succeeded")
    assert sorted(fact["amount"]["amount"] for fact in told) == sorted(amounts)
    assert {fact["amount"]["currency"] for fact in told} == {counter.currency}


async def test_a_webhook_that_comes_days_late_still_tells(till) -> None:
    """Providers repeat for days, and sign each repetition anew."""
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    [event] = await till.events("payment_intent.succeeded")
    await till.rows("UPDATE payments SET created_at = created_at - interval '3 days'")
    assert (await till.webhook({**event, "created": event["created"] - 3 * 86400})).status_code == 200
    await till.one.work_loops("apply facts")
    assert [fact["payment_id"] for fact in await till.told("payment.succeeded")] == [payment["payment_id"]]


async def test_a_webhook_is_answered_before_anything_is_made_of_it(till) -> None:
    """A handler that never answered had Stripe repeat for days, and close the door in the end."""
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    [event] = await till.events("payment_intent.succeeded")
    await till.chaos("hang", "*", delay=30)
    began = time.monotonic()
    answer = await till.webhook(event)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert time.monotonic() - began < 2
    assert await till.told("payment.succeeded") == []
    await till.one.work_loops("apply facts")
    assert len(await till.told("payment.succeeded")) == 1


async def test_two_payments_of_the_same_moment_have_names_of_their_own(till) -> None:
    """A transaction id made of the clock collided for two orders of one millisecond."""
    facts = [till.request() for _ in range(40)]
    await till.one.hear(*facts)
    for _ in range(5):
        await till.one.work_loops("open payments")
    told = await till.told("payment.opened")
    assert {fact["order_id"] for fact in told} == {str(fact.order_id) for fact in facts}
    assert len({fact["provider_ref"] for fact in told}) == len({fact["payment_id"] for fact in told}) == 40
