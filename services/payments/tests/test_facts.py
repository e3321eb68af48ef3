"""What the provider says becomes true once: in any order, any number of times, by webhook, poll or list."""

import asyncio
import itertools
from datetime import timedelta

from common.db import now
from common.events import new_id
from common.loops import claim, renew
from payments.models import Cursor


def intent_event(intent: dict, type_: str, n: int, **changes: object) -> dict:
    """A webhook's event about an intent as it stood."""
    return {
        "id": f"evt_{type_}_{n}_{new_id().hex}",
        "object": "event",
        "type": f"payment_intent.{type_}",
        "created": intent["created"] + n,
        "livemode": False,
        "data": {"object": {**intent, **changes}},
    }


def as_declined(charge: str = "ch_declined") -> dict:
    error = {"code": "card_declined", "decline_code": "generic_decline", "charge": charge}
    return {"status": "requires_payment_method", "last_payment_error": error, "latest_charge": charge}


def as_succeeded(intent: dict) -> dict:
    return {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": "ch_good"}


async def test_a_webhook_pays_the_order(make_till) -> None:
    till = await make_till(webhooks=True)
    payment = await till.open()
    await till.confirm(payment["provider_ref"])

    async def paid() -> bool:
        await till.one.work_loops("apply facts")
        return bool(await till.told("payment.succeeded"))

    await till.until(paid)
    told = (await till.told("payment.succeeded"))[0]
    assert told["capture_ref"] == payment["provider_ref"]
    assert told["amount"] == {"amount": 2599, "currency": "USD"}
    assert (await till.payment(payment["payment_id"]))["due_at"] is None


async def test_without_any_webhook_the_poller_finds_the_money(make_till) -> None:
    till = await make_till(webhooks=True)
    await till.chaos("drop", target="webhook")
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.poll()
    assert [told["payment_id"] for told in await till.told("payment.succeeded")] == [payment["payment_id"]]
    assert await till.rows("SELECT 1 FROM provider_events") == []


async def test_without_any_webhook_the_list_of_events_brings_the_money(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.one.work_loops("list stripe events", "apply facts")
    assert len(await till.told("payment.succeeded")) == 1
    assert await till.told("webhook.received") == []
    assert {row["origin"] for row in await till.rows("SELECT origin FROM provider_events")} == {"list"}


async def test_the_list_is_read_again_with_an_overlap_and_changes_nothing(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.one.work_loops("list stripe events", "apply facts")
    count = len(await till.rows("SELECT 1 FROM provider_events"))
    assert await till.one.work_loops("list stripe events") == 0
    await till.again("list stripe events", "provider_cursors")
    assert len(await till.rows("SELECT 1 FROM provider_events")) == count
    assert len(await till.told("payment.succeeded")) == 1


async def test_a_list_that_cannot_be_read_is_asked_for_again_from_the_same_place(till) -> None:
    await till.one.work_loops("list stripe events")
    before = (await till.rows("SELECT since FROM provider_cursors"))[0]["since"]
    await till.chaos("error", "events.list")
    await till.again("list stripe events", "provider_cursors")
    row = (await till.rows("SELECT since, last_error FROM provider_cursors"))[0]
    assert row["since"] == before
    assert row["last_error"]


async def test_whoever_dies_over_the_list_holds_it_up_for_a_minute_at_most(till) -> None:
    await till.one.work_loops("list stripe events")
    async with till.one.database.transaction() as session:
        cursor = await session.get(Cursor, "stripe")
        cursor.due_at = now()
        await session.flush()
        [held] = await claim(session, Cursor, lease=timedelta(seconds=60))
    assert await till.one.work_loops("list stripe events") == 0
    async with till.one.database.transaction() as session:
        await renew(session, held, timedelta(0))
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    assert await till.one.work_loops("list stripe events") > 0


async def test_one_event_fifty_times_at_two_workers_has_one_effect(make_till) -> None:
    till = await make_till(workers=2)
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    event = (await till.events("payment_intent.succeeded"))[0]
    assert await till.crowd([event] * 50) == {200}
    await till.apply()
    assert len(await till.told("payment.succeeded")) == 1
    assert len(await till.told("webhook.received")) == 1


async def test_one_fact_in_fifty_events_at_two_workers_has_one_effect(make_till) -> None:
    till = await make_till(workers=2)
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    event = (await till.events("payment_intent.succeeded"))[0]
    assert await till.crowd([{**event, "id": f"evt_copy_{number}"} for number in range(50)]) == {200}
    await till.apply()
    assert len(await till.told("payment.succeeded")) == 1
    statuses = await till.rows("SELECT status, count(*) AS n FROM provider_events GROUP BY status")
    assert statuses == [{"status": "applied", "n": 50}]


async def test_fifty_facts_before_the_payment_is_known_wait_and_have_one_effect(make_till) -> None:
    till = await make_till(workers=2)
    await till.chaos("commit_then_error", "payment_intents.create", count=1, variant="reset")
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    intent = (await till.truth("payment_intents"))[0]
    await till.confirm(intent["id"])
    event = (await till.events("payment_intent.succeeded"))[0]
    assert await till.crowd([{**event, "id": f"evt_early_{number}"} for number in range(50)]) == {200}
    await till.apply()
    assert await till.told("payment.succeeded") == []
    assert (await till.rows("SELECT DISTINCT status FROM provider_events")) == [{"status": "unmatched"}]
    await till.again("open payments")
    await till.apply()
    assert len(await till.told("payment.opened")) == len(await till.told("payment.succeeded")) == 1
    assert (await till.rows("SELECT DISTINCT status FROM provider_events")) == [{"status": "applied"}]


async def test_created_processing_failed_and_succeeded_end_succeeded_in_every_order(till) -> None:
    for order in itertools.permutations(range(4)):
        payment = await till.open()
        intent = await till.stripe("GET", f"payment_intents/{payment['provider_ref']}")
        events = [
            intent_event(intent, "created", 0),
            intent_event(intent, "processing", 1, status="processing"),
            intent_event(intent, "payment_failed", 2, **as_declined()),
            intent_event(intent, "succeeded", 3, **as_succeeded(intent)),
        ]
        for index in order:
            assert (await till.webhook(events[index])).status_code == 200
            await till.one.work_loops("apply facts")
        row = await till.payment(payment["payment_id"])
        assert (row["status"], row["capture_ref"]) == ("succeeded", payment["provider_ref"]), order
        said = await till.one.told("payment.processing", "payment.failed", "payment.succeeded")
        told = [event.type for event in said if event.subject == payment["payment_id"]]
        assert told[-1] == "payment.succeeded", order
        assert len(told) == len(set(told)), order


async def test_a_processing_that_comes_after_its_failure_does_not_hold_the_order(till) -> None:
    payment = await till.open()
    intent = await till.stripe("GET", f"payment_intents/{payment['provider_ref']}")
    await till.webhook(intent_event(intent, "payment_failed", 2, **as_declined()))
    await till.one.work_loops("apply facts")
    await till.webhook(intent_event(intent, "processing", 1, status="processing"))
    await till.one.work_loops("apply facts")
    assert await till.told("payment.processing") == []
    await till.webhook(intent_event(intent, "processing", 3, status="processing"))
    await till.webhook(intent_event(intent, "payment_failed", 4, **as_declined()))
    await till.one.work_loops("apply facts")
    said = await till.one.told("payment.processing", "payment.failed")
    assert [event.type for event in said] == ["payment.failed", "payment.processing", "payment.failed"]
    assert len({event.data.get("try_ref") for event in said}) == 3, "each has a mail of its own"
    assert (await till.payment(payment["payment_id"]))["status"] == "open"


async def test_a_late_failure_after_success_is_nothing(till) -> None:
    payment = await till.paid()
    intent = await till.stripe("GET", f"payment_intents/{payment['provider_ref']}")
    for type_, changes in (
        ("payment_failed", as_declined()),
        ("processing", {"status": "processing"}),
        ("canceled", {"status": "canceled"}),
    ):
        await till.webhook(intent_event(intent, type_, 1, **changes))
    await till.one.work_loops("apply facts")
    assert (await till.payment(payment["payment_id"]))["status"] == "succeeded"
    assert await till.told("payment.failed", "payment.processing", "payment.cancelled") == []


async def test_each_declined_try_is_told_once_and_ends_nothing(till) -> None:
    payment = await till.open()
    for method in ("pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds"):
        await till.confirm(payment["provider_ref"], method)
        await till.poll()
        await till.poll()
    for event in await till.events("payment_intent.payment_failed"):
        await till.webhook(event)
    await till.one.work_loops("apply facts")
    told = await till.told("payment.failed")
    assert [(fact["reason"], fact["final"]) for fact in told] == [
        ("generic_decline", False),
        ("insufficient_funds", False),
    ]
    assert len({fact["try_ref"] for fact in told}) == 2
    await till.confirm(payment["provider_ref"])
    await till.poll()
    assert len(await till.told("payment.succeeded")) == 1


async def test_a_slow_payment_is_processing_and_then_succeeds(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"], "pm_usBankAccount_success")
    await till.poll()
    assert len(await till.told("payment.processing")) == 1
    await asyncio.sleep(0.5)
    await till.poll()
    assert (await till.payment(payment["payment_id"]))["status"] == "succeeded"


async def test_a_slow_payment_that_fails_leaves_the_payment_open_for_another_try(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"], "pm_usBankAccount_insufficientFunds")
    await till.poll()
    await asyncio.sleep(0.5)
    await till.poll()
    assert (await till.payment(payment["payment_id"]))["status"] == "open"
    assert len(await till.told("payment.failed")) == 1
    await till.confirm(payment["provider_ref"])
    await till.poll()
    assert (await till.payment(payment["payment_id"]))["status"] == "succeeded"
