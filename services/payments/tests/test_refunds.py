"""Money goes back once per refund, never more than came, whatever the provider answers."""

import asyncio
from uuid import UUID

import pytest

from common.events import new_id
from common.money import Money
from payments.queries import find_payment_locked


async def test_a_refund_goes_back_once(till) -> None:
    payment = await till.paid()
    refund = till.refund(payment)
    await till.one.hear(refund, refund)
    await till.one.work_loops()
    await till.one.hear(refund)
    await till.one.work_loops()
    made = await till.truth("refunds")
    assert [(row["amount"], row["payment_intent"]) for row in made] == [(2599, payment["provider_ref"])]
    told = await till.told("refund.succeeded")
    assert [(fact["refund_id"], fact["reason"]) for fact in told] == [(str(refund.refund_id), "out_of_stock")]


@pytest.mark.parametrize(
    "rule",
    [
        {"mode": "commit_then_hang"},
        {"mode": "commit_then_error", "variant": "reset"},
        {"mode": "commit_then_error", "status": 500},
        {"mode": "hang"},
        {"mode": "error", "status": 503},
    ],
    ids=lambda rule: "-".join(map(str, rule.values())),
)
async def test_a_refund_with_an_unknown_outcome_is_made_once(till, rule) -> None:
    payment = await till.paid()
    await till.chaos(operation="refunds.create", count=2, **rule)
    await till.one.hear(till.refund(payment))
    await till.one.work_loops("send refunds")
    assert (await till.rows("SELECT status FROM refunds"))[0]["status"] == "unknown"
    keys = {row["idempotency_key"] for row in await till.rows("SELECT idempotency_key FROM refunds")}
    for _ in range(2):
        await till.again("send refunds", "refunds")
        keys |= {row["idempotency_key"] for row in await till.rows("SELECT idempotency_key FROM refunds")}
    assert len(await till.truth("refunds")) == 1
    assert len(await till.told("refund.succeeded")) == 1
    assert len(keys) == 1


async def test_a_forgotten_refund_key_is_not_used_before_looking(till) -> None:
    payment = await till.paid()
    await till.chaos("commit_then_error", "refunds.create", count=1, variant="html")
    await till.one.hear(till.refund(payment, 1000))
    await till.one.work_loops("send refunds")
    await till.rows("UPDATE refunds SET called_at = called_at - interval '21 hours'")
    await till.again("send refunds", "refunds")
    assert len(await till.truth("refunds")) == 1
    assert len(await till.told("refund.succeeded")) == 1


async def test_a_forgotten_refund_key_that_made_nothing_is_replaced(till) -> None:
    payment = await till.paid()
    await till.chaos("error", "refunds.create", count=1)
    await till.one.hear(till.refund(payment, 1000))
    await till.one.work_loops("send refunds")
    await till.rows("UPDATE refunds SET called_at = called_at - interval '21 hours'")
    await till.again("send refunds", "refunds")
    assert [row["amount"] for row in await till.truth("refunds")] == [1000]


async def test_parts_below_the_smallest_charge_go_back_too(till) -> None:
    payment = await till.paid()
    await till.one.hear(till.refund(payment, 7))
    await till.one.work_loops()
    assert [row["amount"] for row in await till.truth("refunds")] == [7]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": Money(2600, "USD")}, "more_than_captured"),
        ({"amount": Money(2599, "EUR")}, "other_currency"),
        ({"order_id": new_id()}, "not_the_orders_payment"),
    ],
)
async def test_what_is_not_owed_is_not_sent(till, changes, reason) -> None:
    payment = await till.paid()
    await till.one.hear(till.refund(payment).model_copy(update=changes))
    await till.one.work_loops()
    assert [fact["reason"] for fact in await till.told("refund.failed")] == [reason]
    assert await till.truth("refunds") == []


async def test_refunds_never_sum_to_more_than_was_captured(till) -> None:
    payment = await till.paid()
    await asyncio.gather(*(till.one.hear(till.refund(payment, 1000)) for _ in range(5)))
    await till.one.work_loops()
    assert sum(row["amount"] for row in await till.truth("refunds")) == 2000
    assert len(await till.told("refund.failed")) == 3


async def test_money_that_never_came_does_not_go_back(till) -> None:
    payment = await till.open()
    await till.one.hear(till.refund(payment))
    assert [fact["reason"] for fact in await till.told("refund.failed")] == ["not_captured"]


async def test_a_refund_on_its_way_is_looked_at_until_it_has_arrived(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"], "pm_card_pendingRefund")
    await till.poll()
    await till.one.hear(till.refund(payment))
    await till.one.work_loops("send refunds")
    assert (await till.rows("SELECT status FROM refunds"))[0]["status"] == "pending"
    await till.chaos("error", "refunds.retrieve", count=1)
    await till.again("poll refunds", "refunds")
    await asyncio.sleep(0.5)
    await till.again("poll refunds", "refunds")
    assert len(await till.told("refund.succeeded")) == 1
    assert (await till.rows("SELECT due_at FROM refunds"))[0]["due_at"] is None


async def test_a_refund_the_bank_sends_back_has_failed_after_all(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"], "pm_card_refundFail")
    await till.poll()
    await till.one.hear(till.refund(payment))
    await till.one.work_loops("send refunds")
    await asyncio.sleep(0.5)
    for event in reversed(await till.events("refund.created", "refund.updated", "refund.failed")):
        await till.webhook(event)
    await till.one.work_loops("apply facts")
    assert len(await till.told("refund.succeeded")) == len(await till.told("refund.failed")) == 1
    rows = await till.rows("SELECT came_from, went_to, event_type FROM refund_transitions ORDER BY version")
    assert [tuple(row.values()) for row in rows] == [
        ("intended", "succeeded", "refund.succeeded"),
        ("succeeded", "failed", "refund.failed"),
    ]


async def test_a_refusal_is_told(till) -> None:
    payment = await till.paid()
    await till.stripe("POST", "refunds", payment_intent=payment["provider_ref"])
    await till.one.hear(till.refund(payment))
    await till.one.work_loops()
    assert [fact["reason"] for fact in await till.told("refund.failed")] == ["charge_already_refunded"]


async def test_an_answer_about_another_refund_teaches_nothing(till) -> None:
    payment = await till.paid()
    await till.chaos("tamper", "refunds.create", variant="metadata", count=1)
    await till.one.hear(till.refund(payment))
    await till.one.work_loops("send refunds")
    assert await till.told("refund.succeeded") == []
    await till.again("send refunds", "refunds")
    assert len(await till.told("refund.succeeded")) == len(await till.truth("refunds")) == 1


async def test_the_webhook_of_a_refund_whose_answer_was_lost_is_enough(till) -> None:
    payment = await till.paid()
    await till.chaos("commit_then_error", "refunds.create", count=1, variant="reset")
    await till.one.hear(till.refund(payment))
    await till.one.work_loops("send refunds")
    for event in await till.events("refund.created"):
        await till.webhook(event)
    await till.one.work_loops("apply facts")
    assert len(await till.told("refund.succeeded")) == 1
    await till.one.work_loops()
    assert len(await till.truth("refunds")) == 1


async def test_a_refund_is_written_while_somebody_holds_its_payment(till) -> None:
    """A webhook tells of the capture and its refund, in this order, while the loop writes the very refund."""
    payment = await till.paid()
    await till.one.hear(till.refund(payment))
    async with till.one.database.transaction() as session:
        await find_payment_locked(session, UUID(payment["payment_id"]))
        async with asyncio.timeout(10):
            await till.one.work_loops("send refunds")
    assert (await till.rows("SELECT status FROM refunds"))[0]["status"] == "succeeded"
