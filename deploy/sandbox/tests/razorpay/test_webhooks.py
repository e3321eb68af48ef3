"""Webhooks: what is told, signed how, and how often."""

import hmac

import pytest
import razorpay

from sandbox.razorpay.signature import webhook_headers

HOOK = {"provider": "razorpay", "target": "webhook"}
PAID = ["order.paid", "payment.authorized", "payment.captured"]


async def test_a_payment_tells_its_story_in_snapshots(till):
    payment = await till.paid(notes={"order": "7"})
    await till.world.until(lambda: len(till.told()) == 3)
    assert sorted(till.told()) == PAID
    by_name = {event["event"]: event for event in till.world.shop.events}
    states = {name: event["payload"]["payment"]["entity"]["status"] for name, event in by_name.items()}
    assert states == {"payment.authorized": "authorized", "payment.captured": "captured", "order.paid": "captured"}
    assert by_name["order.paid"]["contains"] == ["payment", "order"]
    assert by_name["order.paid"]["payload"]["order"]["entity"]["amount_paid"] == 5000
    assert by_name["payment.captured"]["payload"]["payment"]["entity"] == payment
    assert all(event["account_id"].startswith("acc_") for event in by_name.values())
    assert len(set(till.world.shop.ids)) == 3


async def test_failures_and_refunds_are_told_too(till):
    await till.paid("4100280000060003")
    await till.refund(await till.paid(), amount=1000)
    await till.world.until(lambda: len(till.told()) == 6)
    assert sorted(till.told()) == sorted([*PAID, "payment.failed", "refund.created", "refund.processed"])
    refunded = next(event for event in till.world.shop.events if event["event"] == "refund.created")
    assert refunded["contains"] == ["refund", "payment"]
    assert refunded["payload"]["payment"]["entity"]["amount_refunded"] == 1000


async def test_a_refused_delivery_is_repeated_under_its_own_id(till):
    till.world.shop.answers = [500]
    await till.paid("4100280000060003")
    await till.until_told("payment.failed")
    (line,) = (await till.truth())["webhooks"]
    assert till.world.shop.ids == [line["event_id"]]
    log = (await till.world.http.get("/sandbox/webhooks")).json()
    assert [attempt["status"] for attempt in log] == [200, 500]


def test_the_signature_is_the_published_one():
    """razorpay.com/docs/webhooks/validate-test: HMAC-SHA256 of the raw body, in hexadecimal digits."""
    body = '{"event":"payment.captured","notes":{"name":"Zoë"}}'.encode()
    headers = webhook_headers("event-1", body, ["new", "old"])
    assert headers == {
        "x-razorpay-event-id": "event-1",
        "x-razorpay-signature": hmac.digest(b"new", body, "sha256").hex(),
    }
    assert razorpay.Utility().verify_webhook_signature(body.decode(), headers["x-razorpay-signature"], "new")


async def test_while_a_secret_is_changed_new_deliveries_carry_the_new_one(tmp_path, open_till, tills):
    secrets = {"razorpay": "whsec_test_secret, whsec_old"}
    async with open_till(tmp_path / "sandbox.db", webhook_secrets=secrets) as world:
        till = tills(world)
        await world.chaos({**HOOK, "mode": "old_secret", "operation": "order.paid", "count": 1})
        await till.paid()
        await world.until(lambda: len(till.told()) == 3)
        assert world.shop.forged == 1
        till.sdk.session.close()


@pytest.mark.parametrize("mode", ["wrong_secret", "tamper"])
async def test_forged_deliveries_do_not_verify_and_the_repeat_does(till, mode):
    await till.world.chaos({**HOOK, "mode": mode, "count": 1})
    await till.paid()
    await till.world.until(lambda: len(till.told()) == 3)
    assert till.world.shop.forged == 1


async def test_events_are_dropped_doubled_and_shuffled_as_asked(till):
    await till.world.chaos(
        {**HOOK, "mode": "drop", "operation": "payment.authorized"},
        {**HOOK, "mode": "duplicate", "operation": "order.paid", "times": 3},
        {**HOOK, "mode": "reorder", "delay": 0.1},
    )
    await till.paid()
    await till.world.until(lambda: len(till.told()) == 4)
    assert sorted(till.told()) == ["order.paid"] * 3 + ["payment.captured"]
    assert len(set(till.world.shop.ids)) == 2
    lines = (await till.truth())["webhooks"]
    assert {line["state"] for line in lines if line["type"] == "payment.authorized"} == {"dropped"}
    (dropped,) = [line["event_id"] for line in lines if line["state"] == "dropped"]
    assert (await till.world.http.post(f"/sandbox/webhooks/{dropped}/resend")).json() == {"resent": 1}
    await till.until_told("payment.authorized")


async def test_without_a_secret_deliveries_are_not_signed(tmp_path, open_till, tills):
    async with open_till(tmp_path / "sandbox.db", webhook_secrets={}, webhook_retry_delays=()) as world:
        till = tills(world)
        await till.paid("4100280000060003")
        await world.until_attempted()
        (attempt,) = (await world.http.get("/sandbox/webhooks")).json()
        assert attempt["status"] == 500
        till.sdk.session.close()
