"""What is not ours, not for us, or not what was agreed: kept, never paid, given back."""

import orjson
import pytest
from structlog.testing import capture_logs

from common.events import new_id


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


def as_succeeded(intent: dict) -> dict:
    return {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": "ch_good"}


async def test_money_for_a_cancelled_payment_is_told(till) -> None:
    payment = await till.open()
    intent = await till.stripe("GET", f"payment_intents/{payment['provider_ref']}")
    await till.one.hear(till.closing(payment))
    await till.one.work_loops("close payments")
    await till.webhook(intent_event(intent, "succeeded", 9, **as_succeeded(intent)))
    await till.one.work_loops("apply facts")
    assert len(await till.told("payment.cancelled")) == len(await till.told("payment.succeeded")) == 1


async def test_a_fact_of_no_payment_of_ours_waits_and_is_given_up_after_three_days(till) -> None:
    stranger = await till.stripe(
        "POST", "payment_intents", amount=100, currency="usd", **{"metadata[payment_id]": str(new_id())}
    )
    await till.confirm(stranger["id"])
    await till.webhook((await till.events("payment_intent.succeeded"))[0])
    await till.one.work_loops("apply facts")
    row = (await till.rows("SELECT status, due_at FROM provider_events"))[0]
    assert row["status"] == "unmatched"
    assert row["due_at"]
    await till.rows("UPDATE provider_events SET received_at = received_at - interval '4 days'")
    await till.again("apply facts", "provider_events")
    row = (await till.rows("SELECT status, due_at FROM provider_events"))[0]
    assert (row["status"], row["due_at"]) == ("unmatched", None)


async def test_another_object_with_our_payments_name_pays_nothing(till) -> None:
    payment = await till.open()
    double = await till.stripe(
        "POST", "payment_intents", amount=2599, currency="usd", **{"metadata[payment_id]": payment["payment_id"]}
    )
    await till.confirm(double["id"])
    await till.webhook((await till.events("payment_intent.succeeded"))[0])
    await till.one.work_loops("apply facts")
    assert (await till.payment(payment["payment_id"]))["status"] == "open"
    assert (await till.rows("SELECT status FROM provider_events"))[0]["status"] == "unmatched"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "customer.created"},
        {"livemode": True},
        {"account": "acct_other"},
        {"object": "v2.core.event"},
        {"data": {"object": {"object": "payment_intent", "id": "pi_x", "status": "succeeded", "metadata": {}}}},
    ],
    ids=["unknown type", "other mode", "other account", "thin event", "foreign object"],
)
async def test_what_is_not_for_us_is_stored_and_ignored(till, changes) -> None:
    payment = await till.open()
    intent = await till.stripe("GET", f"payment_intents/{payment['provider_ref']}")
    event = {**intent_event(intent, "succeeded", 1, **as_succeeded(intent)), **changes}
    assert (await till.webhook(event)).status_code == 200
    await till.one.work_loops("apply facts")
    assert (await till.rows("SELECT status FROM provider_events"))[0]["status"] == "ignored"
    assert await till.told("payment.succeeded") == []


async def test_an_unknown_api_version_is_read_by_its_content(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    event = (await till.events("payment_intent.succeeded"))[0]
    await till.webhook({**event, "api_version": "2031-01-01.unheard"})
    await till.one.work_loops("apply facts")
    assert len(await till.told("payment.succeeded")) == 1


async def test_an_event_that_cannot_be_read_is_kept_and_stops_nobody(till) -> None:
    payment = await till.open()
    intent = await till.stripe("GET", f"payment_intents/{payment['provider_ref']}")
    await till.webhook(intent_event(intent, "succeeded", 1, status="dissolved"))
    await till.webhook(intent_event(intent, "succeeded", 2, **as_succeeded(intent)))
    await till.one.work_loops("apply facts")
    rows = await till.rows("SELECT status, body FROM provider_events ORDER BY id")
    assert [row["status"] for row in rows] == ["unreadable", "applied"]
    assert orjson.loads(rows[0]["body"])["data"]["object"]["status"] == "dissolved"


async def test_an_event_whose_effect_cannot_be_written_is_tried_again(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.webhook((await till.events("payment_intent.succeeded"))[0])
    await till.rows("ALTER TABLE payment_transitions RENAME TO hidden")
    with capture_logs() as logs:
        await till.one.work_loops("apply facts")
    assert logs[-1]["event"] == "provider event not applied"
    assert (await till.rows("SELECT status, last_error FROM provider_events"))[0]["last_error"]
    await till.rows("ALTER TABLE hidden RENAME TO payment_transitions")
    await till.again("apply facts", "provider_events")
    assert len(await till.told("payment.succeeded")) == 1
