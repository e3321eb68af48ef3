"""Closing at the provider before an order ends: nothing is cancelled that money moves for."""

import asyncio
from uuid import UUID

import pytest

from common.contracts.orders import OrderCancelled, OrderExpired


async def test_an_open_payment_is_cancelled_at_the_provider_and_told(till) -> None:
    payment = await till.open()
    await till.one.hear(till.closing(payment))
    await till.one.work_loops()
    assert (await till.truth("payment_intents"))[0]["status"] == "canceled"
    told = await till.told("payment.cancelled")
    assert [(fact["payment_id"], fact["reason"]) for fact in told] == [(payment["payment_id"], "expired")]


async def test_closing_twice_or_late_changes_nothing(till) -> None:
    payment = await till.open()
    await till.one.hear(till.closing(payment))
    await till.one.hear(till.closing(payment, "cancelled"))
    await till.one.work_loops()
    await till.one.hear(till.closing(payment))
    await till.one.work_loops()
    assert len(await till.told("payment.cancelled")) == 1


async def test_money_captured_meanwhile_is_told_instead(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.one.hear(till.closing(payment))
    await till.one.work_loops("close payments")
    assert await till.told("payment.cancelled") == []
    assert len(await till.told("payment.succeeded")) == 1


async def test_a_payment_in_the_banks_hands_is_left_alone_until_that_is_over(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"], "pm_usBankAccount_insufficientFunds")
    await till.one.hear(till.closing(payment))
    await till.one.work_loops("close payments")
    assert len(await till.told("payment.processing")) == 1
    assert await till.told("payment.cancelled") == []
    await asyncio.sleep(0.5)
    await till.again("close payments")
    await till.again("close payments")
    assert (await till.payment(payment["payment_id"]))["status"] == "cancelled"


async def test_what_was_never_asked_for_is_cancelled_without_asking(till) -> None:
    fact = till.request()
    await till.one.hear(fact)
    await till.one.hear(till.closing({"order_id": str(fact.order_id), "attempt": 1}))
    await till.one.work_loops()
    assert len(await till.told("payment.cancelled")) == 1
    assert await till.truth("payment_intents") == []


async def test_an_unknown_payment_is_found_out_before_it_is_closed(till) -> None:
    await till.chaos("commit_then_error", "payment_intents.create", count=1, variant="reset")
    fact = till.request()
    await till.one.hear(fact)
    await till.one.work_loops("open payments")
    await till.one.hear(till.closing({"order_id": str(fact.order_id), "attempt": 1}))
    await till.one.work_loops()
    assert [intent["status"] for intent in await till.truth("payment_intents")] == ["canceled"]
    assert len(await till.told("payment.cancelled")) == 1


async def test_a_forgotten_key_that_made_nothing_ends_a_closing_payment(till) -> None:
    await till.chaos("error", "payment_intents.create")
    fact = till.request()
    await till.one.hear(fact)
    await till.one.work_loops("open payments")
    await till.one.hear(till.closing({"order_id": str(fact.order_id), "attempt": 1}))
    await till.rows("UPDATE payments SET called_at = called_at - interval '21 hours'")
    await till.again("open payments")
    assert len(await till.told("payment.cancelled")) == 1


@pytest.mark.parametrize("operation", ["payment_intents.retrieve", "payment_intents.cancel"])
async def test_a_provider_that_gives_no_answer_is_asked_again(till, operation) -> None:
    payment = await till.open()
    await till.chaos("commit_then_error", operation, count=1, variant="html")
    await till.one.hear(till.closing(payment))
    await till.one.work_loops("close payments")
    assert await till.told("payment.cancelled") == []
    await till.again("close payments")
    assert len(await till.told("payment.cancelled")) == 1


async def test_a_failed_payment_answers_that_nothing_can_come(till) -> None:
    await till.chaos("error", "payment_intents.create", status=402)
    fact = till.request()
    await till.one.hear(fact)
    await till.one.work_loops("open payments")
    await till.one.hear(till.closing({"order_id": str(fact.order_id), "attempt": 1}))
    assert len(await till.told("payment.cancelled")) == 1


@pytest.mark.parametrize("ending", [OrderExpired, OrderCancelled])
async def test_an_order_that_ended_leaves_nothing_open(till, ending) -> None:
    payment = await till.open()
    about = {"order_id": UUID(payment["order_id"]), "number": "S-1", "user_id": till.buyer, "reason": "cancelled"}
    await till.one.hear(ending.model_validate(about))
    await till.one.work_loops()
    assert (await till.truth("payment_intents"))[0]["status"] == "canceled"


async def test_a_dashboards_cancel_is_told(till) -> None:
    payment = await till.open()
    await till.stripe("POST", f"payment_intents/{payment['provider_ref']}/cancel")
    await till.poll()
    assert (await till.told("payment.cancelled"))[0]["reason"] == "cancelled_at_provider"


async def test_a_worker_that_lost_its_lease_files_what_it_learned(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.chaos("delay", "payment_intents.retrieve", delay=0.6)
    await till.let_time_pass("payments")
    polling = asyncio.create_task(till.one.work_loops("poll payments"))
    await asyncio.sleep(0.3)
    await till.rows("UPDATE payments SET lease = gen_random_uuid()")
    await polling
    assert len(await till.told("payment.succeeded")) == 1


@pytest.mark.parametrize("answer", ["delay", "hang"])
async def test_a_webhook_that_overtakes_a_poll_leaves_neither_a_lease_nor_another_poll(make_till, answer) -> None:
    till = await make_till(environ={"PROVIDER_TIMEOUT": "1s"})
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.chaos(answer, "payment_intents.retrieve", delay=0.6)
    await till.let_time_pass("payments")
    polling = asyncio.create_task(till.one.work_loops("poll payments"))
    await asyncio.sleep(0.3)
    for event in await till.events("payment_intent.succeeded"):
        await till.webhook(event)
    await till.one.work_loops("apply facts")
    row = await till.payment(payment["payment_id"])
    assert (row["status"], row["lease"], row["leased_until"]) == ("succeeded", None, None)
    await polling
    assert (await till.payment(payment["payment_id"]))["due_at"] is None
    assert len(await till.told("payment.succeeded")) == 1


async def test_closing_asked_for_during_a_poll_does_not_wait_for_the_next_one(till) -> None:
    payment = await till.open()
    await till.chaos("delay", "payment_intents.retrieve", delay=0.6, count=1)
    await till.let_time_pass("payments")
    polling = asyncio.create_task(till.one.work_loops("poll payments"))
    await asyncio.sleep(0.3)
    await till.one.hear(till.closing(payment))
    await polling
    await till.one.work_loops("close payments")
    assert (await till.truth("payment_intents"))[0]["status"] == "canceled"
    assert [fact["reason"] for fact in await till.told("payment.cancelled")] == ["expired"]
