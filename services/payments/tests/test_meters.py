"""What payments measures of itself: outcomes once they are true, the providers' answers, what waits, who is silent."""

from datetime import UTC, datetime, timedelta

import pytest

from common.db import fetch
from common.events import new_id
from payments.actions import attempts
from payments.queries import find_payment_locked

from .conftest import MakeTill
from .market import RAZORPAY, Market


@pytest.fixture
async def market(make_till: MakeTill) -> Market:
    return Market(await make_till(environ=RAZORPAY))


def value(one, name: str, **labels: str) -> float | None:
    return one.service.metrics.registry.get_sample_value(f"souk_{name}", labels)


def outcomes(one) -> dict[tuple[str, str, str], float]:
    samples = (
        sample
        for metric in one.service.metrics.registry.collect()
        if metric.name == "souk_payment_outcomes"
        for sample in metric.samples
        if sample.name.endswith("_total")
    )
    return {(one.labels["provider"], one.labels["flow"], one.labels["outcome"]): one.value for one in samples}


async def test_what_became_of_payments_is_counted_once(market) -> None:
    for provider in ("stripe", "razorpay"):
        market.order_id, market.attempt = new_id(), 0
        account, bank = await market.open(provider), market.banks[provider]
        for state in ("declined", "captured", "captured"):
            bank.begin(account, state)
        for _ in range(3):
            await market.deliver(bank, *range(len(bank.said)))
            await market.later("apply facts", "poll payments")
    market.order_id, market.attempt = new_id(), 0
    await market.open("stripe")
    await market.end()
    await market.later("close payments")
    assert outcomes(market.one) == {
        ("stripe", "intent", "declined"): 1,
        ("stripe", "intent", "succeeded"): 1,
        ("razorpay", "checkout", "declined"): 1,
        ("razorpay", "checkout", "succeeded"): 1,
        ("razorpay", "checkout", "surplus"): 1,
        ("stripe", "intent", "cancelled"): 1,
    }


async def test_what_is_rolled_back_is_not_counted_and_a_repeated_answer_is_no_outcome(market) -> None:
    await market.ask("stripe")
    payment_id = (await market.row(1))["id"]
    with pytest.raises(ZeroDivisionError):
        async with market.one.database.transaction() as session:
            payment = await find_payment_locked(session, payment_id)
            assert payment is not None
            await attempts.refuse(session, payment, "no")
            await session.flush()
            raise ZeroDivisionError
    assert outcomes(market.one) == {}
    async with market.one.database.transaction() as session:
        payment = await find_payment_locked(session, payment_id)
        assert payment is not None
        await attempts.refuse(session, payment, "no")
    await market.end()
    assert await market.words() == [("failed", 1), ("cancelled", 1)]
    assert outcomes(market.one) == {("stripe", "intent", "failed"): 1}


async def test_two_workers_count_what_each_has_done(make_till) -> None:
    till = await make_till(workers=2)
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.let_time_pass("payments")
    await till.other.work_loops("poll payments")
    assert outcomes(till.one) == {}
    assert outcomes(till.other) == {("stripe", "intent", "succeeded"): 1}


async def test_calls_are_timed_by_what_came_of_them(till) -> None:
    def calls(operation: str, outcome: str) -> float | None:
        return value(till.one, "provider_call_seconds_count", provider="stripe", operation=operation, outcome=outcome)

    payment = await till.open()
    assert calls("open", "ok") == 1
    for mode, more, outcome in (
        ("error", {"status": 500}, "unknown"),
        ("error", {"status": 401}, "not_allowed"),
        ("error", {"status": 404}, "refused"),
    ):
        await till.chaos(mode, "payment_intents.retrieve", **more)
        await till.poll()
        await till.behave()
        assert calls("fetch", outcome) == 1, outcome
    await till.confirm(payment["provider_ref"])
    await till.poll()
    assert calls("fetch", "ok") == 1
    await till.one.hear(till.refund(payment))
    await till.one.work_loops("send refunds")
    assert calls("refund", "ok") == 1
    await till.one.work_loops("list stripe events")
    listed = calls("list", "ok")
    assert listed is not None
    assert listed >= 1


async def test_what_waits_is_shown_with_its_age(market) -> None:
    await market.open("razorpay")
    await market.till.rows("UPDATE payments SET created_at = now() - interval '90 seconds'")
    await market.work("payment gauges")
    assert value(market.one, "payments_waiting", provider="razorpay") == 1
    assert value(market.one, "payments_waiting", provider="stripe") == 0
    assert 90 <= (value(market.one, "payments_oldest_waiting_seconds", provider="razorpay") or 0) < 120
    assert value(market.one, "provider_last_webhook_seconds", provider="razorpay") is None
    await market.pay(market.banks["razorpay"].accounts[0])
    await market.work("payment gauges")
    assert value(market.one, "payments_waiting", provider="razorpay") == 0
    assert value(market.one, "payments_oldest_waiting_seconds", provider="razorpay") == 0


async def webhook(market: Market, ago: timedelta, provider: str = "razorpay") -> None:
    """A genuine webhook that came so long ago."""
    sql = """INSERT INTO provider_events
        (id, provider, event_ref, type, origin, body, sha256, status, received_at, attempts)
        VALUES (gen_random_uuid(), $1, gen_random_uuid()::text, 't', 'webhook', '', '', 'applied', $2, 0)"""
    async with market.one.database.transaction() as session:
        await fetch(session, sql, provider, datetime.now(UTC) - ago)


@pytest.mark.parametrize("state", ["captured", "declined"])
async def test_who_is_paid_but_not_told_is_alarmed(market, state) -> None:
    async def deaf() -> float | None:
        await market.work("payment gauges")
        return value(market.one, "payments_wait_without_webhooks", provider="razorpay")

    account = await market.open("razorpay")
    assert await deaf() == 0  # nobody has paid: nobody is silent
    market.banks["razorpay"].begin(account, state)
    await market.later("poll payments")
    assert await deaf() == 0  # its webhook may be on its way
    await market.till.rows("UPDATE payment_transitions SET at = now() - interval '2 minutes'")
    assert await deaf() == 1
    assert value(market.one, "payments_wait_without_webhooks", provider="stripe") == 0
    await webhook(market, timedelta(minutes=30))
    await webhook(market, timedelta(0), "stripe")
    assert await deaf() == 1  # others are heard, and it was heard before
    assert 1800 <= (value(market.one, "provider_last_webhook_seconds", provider="razorpay") or 0) < 1830
    await webhook(market, timedelta(minutes=5))
    assert await deaf() == 0
    await market.till.rows("DELETE FROM provider_events")
    await market.till.rows("UPDATE payment_transitions SET at = now() - interval '70 minutes'")
    assert await deaf() == 0  # long ago


async def test_the_internal_page_shows_them(till) -> None:
    await till.open()
    await till.one.work_loops("payment gauges")
    names = {metric.name for metric in till.one.service.metrics.registry.collect()}
    assert {"souk_payment_outcomes", "souk_provider_call_seconds", "souk_payments_waiting"} <= names
