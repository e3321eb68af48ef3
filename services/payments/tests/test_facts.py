"""What the provider says becomes true once: in any order, any number of times, by webhook, poll or list."""

import asyncio
import itertools
from uuid import UUID

import orjson
import pytest
from structlog.testing import capture_logs

from common.events import new_id
from common.testing import bearer


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
    charge = next(charge for charge in await till.truth("charges") if charge["status"] == "succeeded")
    assert told["capture_ref"] == charge["id"]
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


async def test_one_event_fifty_times_at_once_has_one_effect(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    event = (await till.events("payment_intent.succeeded"))[0]
    answers = await asyncio.gather(*(till.webhook(event) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    await asyncio.gather(*(till.one.work_loops("apply facts") for _ in range(5)))
    assert len(await till.told("payment.succeeded")) == 1
    assert len(await till.told("webhook.received")) == 1


async def test_one_fact_in_fifty_events_at_once_has_one_effect(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    event = (await till.events("payment_intent.succeeded"))[0]
    copies = [{**event, "id": f"evt_copy_{number}"} for number in range(50)]
    await asyncio.gather(*(till.webhook(copy) for copy in copies))
    await asyncio.gather(*(till.one.work_loops("apply facts") for _ in range(8)))
    assert len(await till.told("payment.succeeded")) == 1
    statuses = await till.rows("SELECT status, count(*) AS n FROM provider_events GROUP BY status")
    assert statuses == [{"status": "applied", "n": 50}]


async def test_fifty_facts_before_the_payment_is_known_wait_and_have_one_effect(till) -> None:
    await till.chaos("commit_then_error", "payment_intents.create", count=1, variant="reset")
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    intent = (await till.truth("payment_intents"))[0]
    await till.confirm(intent["id"])
    event = (await till.events("payment_intent.succeeded"))[0]
    await asyncio.gather(*(till.webhook({**event, "id": f"evt_early_{number}"}) for number in range(50)))
    await till.one.work_loops("apply facts")
    assert await till.told("payment.succeeded") == []
    assert (await till.rows("SELECT DISTINCT status FROM provider_events")) == [{"status": "unmatched"}]
    await till.again("open payments")
    await asyncio.gather(*(till.one.work_loops("apply facts") for _ in range(5)))
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
        assert (row["status"], row["capture_ref"]) == ("succeeded", "ch_good"), order
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
    assert len(await till.told("payment.processing")) == len(await till.told("payment.failed")) == 1
    assert (await till.payment(payment["payment_id"]))["status"] == "open"


async def test_a_second_capture_of_a_paid_payment_is_no_second_success(till) -> None:
    payment = await till.paid()
    intent = await till.stripe("GET", f"payment_intents/{payment['provider_ref']}")
    with capture_logs() as logs:
        await till.webhook(intent_event(intent, "succeeded", 9, **as_succeeded(intent)))
        await till.one.work_loops("apply facts")
    assert "second capture" in [line["event"] for line in logs]
    assert len(await till.told("payment.succeeded")) == 1


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


@pytest.mark.parametrize("variant", ["amount", "currency"])
async def test_another_amount_is_never_paid_and_goes_back_by_itself_once(till, variant) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.chaos("tamper", "payment_intents.retrieve", variant=variant)
    await till.poll()
    await till.again("close payments")
    await till.behave()
    assert (await till.payment(payment["payment_id"]))["status"] == "mismatched"
    told = (await till.told("payment.mismatched"))[0]
    assert told["expected"] == {"amount": 2599, "currency": "USD"}
    assert told["found"] != told["expected"]
    for event in await till.events("payment_intent.succeeded"):
        await till.webhook(event)
    await till.one.work_loops()
    assert await till.told("payment.succeeded") == []
    refunds = await till.truth("refunds")
    assert [refund["amount"] for refund in refunds] == [2599]
    assert len(await till.told("refund.succeeded")) == 1


async def test_a_lie_at_opening_keeps_the_secret_from_the_buyer(till) -> None:
    await till.chaos("tamper", "payment_intents.create", variant="amount")
    await till.one.hear(till.request())
    await till.one.work_loops()
    assert await till.told("payment.opened") == []
    assert len(await till.told("payment.mismatched")) == 1
    assert (await till.truth("payment_intents"))[0]["status"] == "canceled"


async def test_an_answer_about_another_payment_teaches_nothing(till) -> None:
    payment = await till.open()
    await till.confirm(payment["provider_ref"])
    await till.chaos("tamper", "payment_intents.retrieve", variant="metadata", count=1)
    await till.poll()
    assert (await till.payment(payment["payment_id"]))["status"] == "open"
    await till.poll()
    assert (await till.payment(payment["payment_id"]))["status"] == "succeeded"


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


async def test_payments_are_shown_to_their_buyer_and_to_the_staff(till) -> None:
    payment = await till.open()
    path = f"/{payment['payment_id']}"
    assert (await till.show(path)).json()["amount"] == {"amount": 2599, "currency": "USD"}
    assert (await till.show(path, user=new_id())).status_code == 404
    assert (await till.show(path, "support", user=new_id())).json()["status"] == "open"
    assert (await till.show(f"/{new_id()}", "admin")).status_code == 404
    assert (await till.one.client.get(f"/payments{path}")).status_code == 401


async def test_payments_are_listed_in_pages(till) -> None:
    made = [await till.open() for _ in range(3)]
    first = (await till.show("?limit=2")).json()
    rest = (await till.show(f"?limit=2&cursor={first['next_cursor']}")).json()
    listed = [item["id"] for item in first["items"] + rest["items"]]
    assert listed == [payment["payment_id"] for payment in reversed(made)]
    assert (await till.show("", user=new_id())).json() == {"items": [], "next_cursor": None}
    one = (await till.show(f"?order_id={made[0]['order_id']}", "admin", user=new_id())).json()
    assert [item["id"] for item in one["items"]] == [made[0]["payment_id"]]
    assert (await till.one.client.get("/payments?colour=red", headers=bearer(till.buyer))).status_code == 422
    assert UUID(listed[0])
