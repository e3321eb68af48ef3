"""Events, and their delivery to the shop."""

import hashlib

import pytest
import stripe


async def test_a_payment_tells_its_whole_story(world):
    intent = await world.paid(metadata={"order": "7"})
    await world.until(lambda: len(world.shop.events) == 3)
    assert sorted(world.shop.types) == ["charge.succeeded", "payment_intent.created", "payment_intent.succeeded"]
    event = next(event for event in world.shop.events if event["type"] == "payment_intent.succeeded")
    assert event["api_version"] == "2026-10-28.endive"
    assert event["livemode"] is False
    assert event["request"]["id"].startswith("req_")
    assert event["data"]["object"]["id"] == intent.id
    assert event["data"]["object"]["metadata"] == {"order": "7"}


async def test_every_change_is_an_event(world):
    manual = await world.paid(capture_method="manual")
    await world.stripe.v1.payment_intents.capture_async(manual.id)
    await world.stripe.v1.refunds.create_async({"payment_intent": manual.id})
    await world.stripe.v1.payment_intents.cancel_async((await world.intent()).id)
    await world.paid("pm_card_authenticationRequired")
    with pytest.raises(stripe.CardError):
        await world.paid("pm_card_chargeDeclined")
    types = {event.type async for event in (await world.stripe.v1.events.list_async()).auto_paging_iter()}
    assert types == {
        "payment_intent.created",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "payment_intent.requires_action",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "charge.captured",
        "charge.failed",
        "charge.refunded",
        "refund.created",
    }


async def test_events_can_be_listed_by_type_and_read(world):
    intent = await world.paid()
    await world.until(lambda: len(world.shop.events) == 3)
    listed = await world.stripe.v1.events.list_async({"types": ["payment_intent.succeeded", "charge.failed"]})
    assert [event.data.object["id"] for event in listed.data] == [intent.id]
    wild = await world.stripe.v1.events.list_async({"type": "payment_intent.*", "created": {"gte": intent.created}})
    assert len(wild.data) == 2
    await world.until_delivered()
    event = await world.stripe.v1.events.retrieve_async(listed.data[0].id)
    assert event.pending_webhooks == 0


async def test_a_refused_delivery_is_repeated_until_it_is_accepted(world):
    world.shop.answers = [500, 302]
    await world.intent()
    await world.until_delivered()
    assert world.shop.types == ["payment_intent.created"]
    (line,) = (await world.truth())["webhooks"]
    assert (line["attempts"], line["delivered"]) == (3, True)
    assert line["body_sha256"] == hashlib.sha256(world.shop.bodies[0]).hexdigest()
    log = (await world.http.get("/sandbox/webhooks")).json()
    assert [attempt["status"] for attempt in log] == [200, 302, 500]


async def test_in_the_end_it_gives_up_and_can_be_asked_to_send_again(world):
    world.shop.answers = [500] * 4
    await world.intent()
    await world.until_delivered(state="failed")
    (line,) = (await world.truth())["webhooks"]
    assert (line["attempts"], line["delivered"]) == (4, False)
    answer = await world.http.post(f"/sandbox/webhooks/{line['event_id']}/resend")
    assert answer.json() == {"resent": 1}
    await world.until_delivered()
    assert (await world.http.post("/sandbox/webhooks/evt_none/resend")).status_code == 404


async def test_a_slow_receiver_counts_as_a_failure(tmp_path, start_world):
    async with start_world(tmp_path / "sandbox.db", webhook_timeout=0.1, webhook_retry_delays=()) as world:
        world.shop.slowness = 0.3
        await world.intent()
        await world.until_delivered(state="failed")
        (attempt,) = (await world.http.get("/sandbox/webhooks")).json()
        assert attempt["status"] is None
        assert "Timeout" in attempt["error"]


async def test_pending_deliveries_survive_a_restart(tmp_path, start_world):
    nowhere = {"stripe": "http://127.0.0.1:9/"}
    async with start_world(tmp_path / "sandbox.db", webhook_targets=nowhere, webhook_retry_delays=(0.2,) * 9) as world:
        await world.intent()
        await world.until_attempted()
    async with start_world(tmp_path / "sandbox.db") as world:
        with world.sandbox._store.transaction() as db:
            db.execute("UPDATE webhook_deliveries SET url = ?", (world.settings.webhook_targets["stripe"],))
        await world.until(lambda: world.shop.types == ["payment_intent.created"])


async def test_without_a_target_events_are_only_listed(tmp_path, start_world):
    async with start_world(tmp_path / "sandbox.db", webhook_targets={}) as world:
        await world.intent()
        assert (await world.truth())["webhooks"] == []
        assert [event.type for event in (await world.stripe.v1.events.list_async()).data] == ["payment_intent.created"]


async def test_while_a_secret_is_rolled_both_sign(tmp_path, start_world):
    secrets = {"stripe": "whsec_new, whsec_test_secret"}
    async with start_world(tmp_path / "sandbox.db", webhook_secrets=secrets) as world:
        await world.intent()
        await world.until(lambda: len(world.shop.events) == 1)
        assert world.shop.forged == 0


async def test_a_burst_is_delivered_many_at_once(world):
    world.shop.slowness = 0.05
    await world.chaos({"provider": "stripe", "target": "webhook", "mode": "duplicate", "times": 50})
    await world.intent()
    await world.until(lambda: len(world.shop.events) == 50)
    assert world.shop.most_at_once > 20
    assert len({event["id"] for event in world.shop.events}) == 1
