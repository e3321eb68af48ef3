"""From order.payment_requested to an open payment, whatever the provider answers."""

import asyncio

import pytest

from common.contracts.auth import UserRegistered, UserUpdated
from common.events import new_id
from common.money import Money


async def test_an_order_gets_an_intent_with_its_secret_sealed_for_orders(till) -> None:
    payment = await till.open()
    intent = (await till.truth("payment_intents"))[0]
    assert payment["provider_ref"] == intent["id"]
    assert payment["client_secret"].startswith(f"{intent['id']}_secret_")
    assert (intent["amount"], intent["currency"]) == (2599, "usd")
    assert intent["metadata"] == {
        "payment_id": payment["payment_id"],
        "order_id": payment["order_id"],
        "attempt": "1",
        "flow": "intent",
    }
    assert (await till.payment(payment["payment_id"]))["status"] == "open"


async def test_the_buyers_newest_address_goes_to_the_provider_and_does_not_stay_with_the_payment(till) -> None:
    known = {"user_id": till.buyer, "name": "Ada", "roles": ["customer"]}
    await till.one.hear(UserUpdated(**known, email="new@example.com", version_number=2))
    await till.one.hear(UserRegistered(**known, email="old@example.com", version_number=1))
    payment = await till.open()
    intent = await till.stripe("GET", f"payment_intents/{payment['provider_ref']}")
    assert intent["receipt_email"] == "new@example.com"
    assert (await till.payment(payment["payment_id"]))["request"] is None


async def test_the_same_request_twice_makes_one_payment(till) -> None:
    fact = till.request()
    await till.one.hear(fact, fact)
    await till.one.hear(fact)
    await till.one.work_loops()
    assert len(await till.told("payment.opened")) == 1
    assert len(await till.truth("payment_intents")) == 1


async def test_key_and_parameters_are_stored_before_the_first_call(till) -> None:
    await till.chaos("hang", "payment_intents.create", delay=5)
    await till.one.hear(till.request())
    working = asyncio.create_task(till.one.work_loops("open payments"))
    await asyncio.sleep(0.4)
    row = (await till.rows("SELECT status, idempotency_key, request, called_at FROM payments"))[0]
    assert row["status"] == "intended"
    assert row["idempotency_key"]
    assert '"amount":2599' in row["request"]
    assert row["called_at"]
    await working


async def test_no_transaction_is_open_while_the_provider_is_asked(till) -> None:
    await till.chaos("hang", "payment_intents.create", delay=5)
    await till.one.hear(till.request())
    working = asyncio.create_task(till.one.work_loops("open payments"))
    await asyncio.sleep(0.4)
    busy = await till.rows(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND state LIKE 'idle in transaction%'"
    )
    assert busy == []
    await working


@pytest.mark.parametrize(
    "rule",
    [
        {"mode": "commit_then_hang"},
        {"mode": "commit_then_error", "status": 500},
        {"mode": "commit_then_error", "variant": "reset"},
        {"mode": "commit_then_error", "variant": "truncate"},
        {"mode": "commit_then_error", "variant": "html"},
        {"mode": "hang"},
        {"mode": "error", "status": 500},
        {"mode": "error", "status": 429},
        {"mode": "error", "status": 409},
    ],
    ids=lambda rule: "-".join(map(str, rule.values())),
)
async def test_an_unknown_outcome_is_found_out_with_the_same_key_and_makes_one_intent(till, rule) -> None:
    await till.chaos(operation="payment_intents.create", count=2, **rule)
    fact = till.request()
    await till.one.hear(fact)
    await till.one.work_loops("open payments")
    first = (await till.rows("SELECT status, idempotency_key, request, last_error FROM payments"))[0]
    assert first["status"] == "unknown"
    assert first["last_error"]
    await till.again("open payments")
    second = (await till.rows("SELECT status, idempotency_key, request FROM payments"))[0]
    assert (second["idempotency_key"], second["request"]) == (first["idempotency_key"], first["request"])
    await till.again("open payments")
    assert len(await till.truth("payment_intents")) == 1
    assert len(await till.told("payment.opened")) == 1


async def test_a_provider_that_cannot_be_reached_is_asked_again(make_till) -> None:
    till = await make_till(environ={"STRIPE_API_BASE": "http://127.0.0.1:9/stripe"})
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    assert (await till.rows("SELECT status FROM payments"))[0]["status"] == "unknown"
    assert await till.told("payment.failed") == []


async def test_a_refusal_is_final(till) -> None:
    await till.chaos("error", "payment_intents.create", status=402)
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    told = (await till.told("payment.failed"))[0]
    assert told["final"] is True
    row = (await till.rows("SELECT status, due_at FROM payments"))[0]
    assert (row["status"], row["due_at"]) == ("failed", None)


async def test_a_bad_key_is_an_operators_matter_and_not_final(make_till) -> None:
    till = await make_till(environ={"STRIPE_SECRET_KEY": "sk_wrong"})
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    assert await till.told("payment.failed") == []
    assert (await till.rows("SELECT status FROM payments"))[0]["status"] == "unknown"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"provider": "razorpay"}, "provider_not_configured"),
        ({"amount": Money(10, "USD")}, "amount_not_chargeable"),
    ],
)
async def test_what_cannot_be_opened_fails_at_once(till, changes, reason) -> None:
    await till.one.hear(till.request().model_copy(update=changes))
    await till.one.work_loops("open payments")
    told = (await till.told("payment.failed"))[0]
    assert (told["reason"], told["final"]) == (reason, True)
    assert await till.truth("payment_intents") == []


async def test_without_any_provider_the_service_starts_and_refuses(make_till) -> None:
    till = await make_till(environ={"STRIPE_SECRET_KEY": " "})
    await till.one.hear(till.request())
    await till.one.work_loops()
    assert (await till.told("payment.failed"))[0]["reason"] == "provider_not_configured"


async def test_a_forgotten_key_is_not_used_before_looking_for_what_it_made(till) -> None:
    await till.chaos("commit_then_error", "payment_intents.create", count=1, variant="html")
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    await till.rows("UPDATE payments SET called_at = called_at - interval '21 hours'")
    await till.again("open payments")
    assert len(await till.truth("payment_intents")) == 1
    assert len(await till.told("payment.opened")) == 1


async def test_a_forgotten_key_that_made_nothing_is_replaced(till) -> None:
    await till.chaos("error", "payment_intents.create", count=1)
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    old = (await till.rows("SELECT idempotency_key FROM payments"))[0]["idempotency_key"]
    await till.rows("UPDATE payments SET called_at = called_at - interval '21 hours'")
    await till.again("open payments")
    assert (await till.rows("SELECT idempotency_key FROM payments"))[0]["idempotency_key"] != old
    assert len(await till.truth("payment_intents")) == 1
    assert len(await till.told("payment.opened")) == 1


async def test_an_error_the_provider_repeats_for_a_key_does_not_hide_what_it_made(till) -> None:
    await till.chaos("commit_then_error", "payment_intents.create", status=500)
    await till.one.hear(till.request())
    for _ in range(5):
        await till.again("open payments")
    assert len(await till.told("payment.opened")) == 1
    assert len(await till.truth("payment_intents")) == 1


async def test_events_carry_the_trace_of_the_purchase(till) -> None:
    await till.open()
    opened = (await till.one.told("payment.opened"))[0]
    assert opened.correlationid == "test"
    assert opened.partitionkey == opened.data["order_id"]


async def test_every_change_is_recorded_with_the_event_that_told_it(till) -> None:
    payment = await till.paid()
    rows = await till.rows(
        "SELECT t.*, o.type FROM payment_transitions t LEFT JOIN outbox o ON o.id = t.event_id ORDER BY version"
    )
    assert [(row["came_from"], row["went_to"], row["event_type"], row["type"]) for row in rows] == [
        (None, "intended", None, None),
        ("intended", "open", "payment.opened", "payment.opened"),
        ("open", "succeeded", "payment.succeeded", "payment.succeeded"),
    ]
    assert {str(row["payment_id"]) for row in rows} == {payment["payment_id"]}


async def test_an_unheard_payment_makes_facts_wait(till) -> None:
    payment = {"order_id": str(new_id()), "attempt": 1, "payment_id": str(new_id())}
    await till.one.hear(till.closing(payment), till.refund(payment))
    assert sorted(await till.one.inbox_rows("waiting")) == ["order.closing", "order.refund_requested"]
