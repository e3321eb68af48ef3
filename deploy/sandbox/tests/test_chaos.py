"""The chaos dial, mode by mode."""

import asyncio
import random

import httpx2
import pytest
import stripe

CREATE = {"provider": "stripe", "operation": "payment_intents.create"}
HOOK = {"provider": "stripe", "target": "webhook"}


async def intents(world):
    return (await world.truth())["payment_intents"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (None, stripe.APIError),
        (503, stripe.APIError),
        (429, stripe.RateLimitError),
        (409, stripe.APIError),
        (402, stripe.CardError),
    ],
)
async def test_error_answers_before_anything_is_done(world, status, kind):
    await world.chaos({**CREATE, "mode": "error", "count": 1, "status": status})
    with pytest.raises(kind) as caught:
        await world.intent()
    assert caught.value.http_status == (status or 500)
    assert await intents(world) == []
    assert (await world.intent()).status == "requires_payment_method"


@pytest.mark.parametrize(
    ("operation", "hit"),
    [(None, True), ("*", True), ("payment_intents.*", True), ("payment_intents.create", True), ("refunds.*", False)],
)
async def test_a_rule_concerns_one_operation_or_a_family_or_all(world, operation, hit):
    await world.chaos({**CREATE, "operation": operation, "mode": "error"})
    if hit:
        with pytest.raises(stripe.APIError):
            await world.intent()
    else:
        await world.intent()


async def test_the_sdk_rides_over_an_error_with_its_own_key(world):
    await world.chaos({**CREATE, "mode": "commit_then_error", "count": 1})
    patient = world.client(max_network_retries=2)
    await patient.v1.payment_intents.create_async({"amount": 2000, "currency": "usd"})
    assert len(await intents(world)) == 1


async def test_hang_does_nothing_and_never_answers(world):
    await world.chaos({**CREATE, "mode": "hang", "delay": 0.2})
    with pytest.raises(stripe.APIConnectionError):
        await world.intent()
    assert await intents(world) == []


async def test_a_client_that_gives_up_ends_the_silence(world):
    await world.chaos({**CREATE, "mode": "hang"})
    hasty = world.client(timeout=0.1)
    with pytest.raises(stripe.APIConnectionError):
        await hasty.v1.payment_intents.create_async({"amount": 2000, "currency": "usd"})


async def test_commit_then_hang_does_it_and_never_says_so(world):
    await world.chaos({**CREATE, "mode": "commit_then_hang", "delay": 0.05, "count": 1})
    params, options = {"amount": 2000, "currency": "usd"}, {"idempotency_key": "order-7"}
    with pytest.raises(stripe.APIConnectionError):
        await world.stripe.v1.payment_intents.create_async(params, options)
    (kept,) = await intents(world)
    again = await world.stripe.v1.payment_intents.create_async(params, options)
    assert again.id == kept["id"]


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        (None, stripe.APIError),
        ("error", stripe.APIError),
        ("reset", stripe.APIConnectionError),
        ("truncate", stripe.APIConnectionError),
        ("html", stripe.APIError),
    ],
)
async def test_commit_then_error_does_it_and_answers_rubbish(world, variant, kind):
    await world.chaos({**CREATE, "mode": "commit_then_error", "variant": variant})
    with pytest.raises(kind):
        await world.intent()
    assert len(await intents(world)) == 1


async def test_reset_sends_no_byte(world):
    await world.chaos({**CREATE, "mode": "commit_then_error", "variant": "reset"})
    headers = {"authorization": "Bearer sk_test_souk"}
    body = {"amount": "2000", "currency": "usd"}
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        await world.http.post("/sandbox/stripe/v1/payment_intents", data=body, headers=headers)


@pytest.mark.parametrize(
    ("variant", "seen"),
    [
        (None, (2001, "eur", "7")),
        ("amount", (2001, "usd", "7")),
        ("currency", (2000, "eur", "7")),
        ("metadata", (2000, "usd", "7-other")),
    ],
)
async def test_tamper_lies_about_what_is_kept(world, variant, seen):
    await world.chaos({**CREATE, "mode": "tamper", "variant": variant})
    intent = await world.intent(metadata={"order": "7"})
    assert (intent.amount, intent.currency, intent.metadata["order"]) == seen
    (kept,) = await intents(world)
    assert (kept["amount"], kept["currency"], kept["metadata"]) == (2000, "usd", {"order": "7"})


async def test_tampered_lists_lie_throughout(world):
    await world.intent(currency="eur")
    await world.chaos({"provider": "stripe", "mode": "tamper", "operation": "events.list"})
    listed = await world.stripe.v1.events.list_async()
    assert listed.data[0].data.object["currency"] == "usd"


async def test_delay_holds_the_answer_back(world):
    await world.chaos({"provider": "stripe", "mode": "delay", "delay": 0.2, "count": 1})
    started = asyncio.get_running_loop().time()
    await world.stripe.v1.payment_intents.list_async()
    assert asyncio.get_running_loop().time() - started >= 0.2


async def test_dropped_events_stay_in_the_list(world):
    await world.chaos({**HOOK, "mode": "drop", "operation": "payment_intent.created"})
    await world.paid()
    await world.until(lambda: len(world.shop.events) == 2)
    assert "payment_intent.created" not in world.shop.types
    types = [event.type for event in (await world.stripe.v1.events.list_async()).data]
    assert "payment_intent.created" in types
    assert {line["state"] for line in (await world.truth())["webhooks"]} >= {"dropped"}


async def test_delayed_events_come_late(world):
    await world.chaos({**HOOK, "mode": "delay", "delay": 0.3})
    await world.intent()
    await asyncio.sleep(0.15)
    assert world.shop.events == []
    await world.until(lambda: len(world.shop.events) == 1)


async def test_reordered_events_come_shuffled_and_complete(world):
    await world.chaos({**HOOK, "mode": "reorder", "delay": 0.5, "seed": 3})
    made = [(await world.intent()).id for _ in range(8)]
    await world.until(lambda: len(world.shop.events) == 8)
    arrived = [event["data"]["object"]["id"] for event in world.shop.events]
    assert sorted(arrived) == sorted(made)
    assert arrived != made


@pytest.mark.parametrize("mode", ["wrong_secret", "tamper"])
async def test_forged_deliveries_do_not_verify_and_the_repeat_does(world, mode):
    await world.chaos({**HOOK, "mode": mode, "count": 1})
    await world.intent()
    await world.until(lambda: len(world.shop.events) == 1)
    assert world.shop.forged == 1
    await world.until_delivered()
    faults = [attempt["fault"] for attempt in (await world.http.get("/sandbox/webhooks")).json()]
    assert faults == [None, mode]


async def test_shares_are_random_and_alike_for_the_same_seed(world):
    async def outcomes():
        await world.chaos({**CREATE, "mode": "error", "share": 0.5, "seed": 42})
        seen = []
        for _ in range(20):
            try:
                await world.intent()
                seen.append(True)
            except stripe.APIError:
                seen.append(False)
        return seen

    first = await outcomes()
    assert 3 < sum(first) < 17
    assert await outcomes() == first


async def test_rules_are_replaced_counted_listed_and_cleared(world):
    put = world.http.put
    await put("/sandbox/chaos", json={**CREATE, "mode": "error", "count": 5})
    await put("/sandbox/chaos", json={**CREATE, "mode": "error", "count": 1})
    await put("/sandbox/chaos", json={**HOOK, "mode": "delay", "delay": 0})
    with pytest.raises(stripe.APIError):
        await world.intent()
    await world.intent()
    rules = (await world.http.get("/sandbox/chaos")).json()
    assert [(rule["mode"], rule["hits"]) for rule in rules] == [("error", 1), ("delay", 1)]
    assert (await world.http.delete("/sandbox/chaos")).status_code == 204
    assert (await world.http.get("/sandbox/chaos")).json() == []


async def test_rules_and_their_counts_survive_a_restart(tmp_path, start_world):
    async with start_world(tmp_path / "sandbox.db") as world:
        await world.chaos({**CREATE, "mode": "error", "count": 2})
        with pytest.raises(stripe.APIError):
            await world.intent()
    async with start_world(tmp_path / "sandbox.db") as world:
        with pytest.raises(stripe.APIError):
            await world.intent()
        await world.intent()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"provider": "stripe"}, "mode"),
        ({"provider": "paypal", "mode": "error"}, "paypal"),
        ({"provider": "stripe", "mode": "explode"}, "explode"),
        ({"provider": "stripe", "mode": "drop"}, "drop"),
        ({"provider": "stripe", "mode": "error", "target": "moon"}, "moon"),
        ({"provider": "stripe", "mode": "error", "colour": "red"}, "colour"),
        ({"provider": "stripe", "mode": "error", "share": 2}, "share"),
        ({"provider": "stripe", "mode": "error", "share": "much"}, "share"),
        ({"provider": "stripe", "mode": "error", "count": -1}, "count"),
        ({"provider": "stripe", "mode": "error", "count": True}, "count"),
        ({"provider": "stripe", "mode": "error", "status": 200}, "status"),
        ({"provider": "stripe", "mode": "error", "variant": "html"}, "variant"),
        ({"provider": "smtp", "mode": "error", "status": 500}, "status"),
        ({"provider": "smtp", "mode": "error", "stage": "helo"}, "rcpt"),
        ([{"provider": "stripe", "mode": "error"}, 7], "object"),
        ("rule", "object"),
    ],
)
async def test_rules_that_make_no_sense_are_refused_with_the_reason(world, body, word):
    answer = await world.http.put("/sandbox/chaos", json=body)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert (await world.http.get("/sandbox/chaos")).json() == []
    assert (await world.http.put("/sandbox/chaos", content=b"{")).status_code == 422


async def test_under_mixed_chaos_every_charge_is_known_once(world):
    await world.chaos(
        {**CREATE, "mode": "error", "share": 0.2, "seed": 1},
        {**CREATE, "mode": "commit_then_error", "share": 0.3, "seed": 2},
        {**HOOK, "mode": "duplicate", "share": 0.5, "times": 3, "seed": 3},
        {**HOOK, "mode": "drop", "share": 0.2, "seed": 4},
    )
    dice = random.Random(5)
    for order in range(15):
        params = {
            "amount": 500 + dice.randrange(500),
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_visa",
        }
        for _ in range(30):
            try:
                await world.stripe.v1.payment_intents.create_async(params, {"idempotency_key": f"order-{order}"})
                break
            except stripe.APIError:
                continue
    truth = await world.truth()
    assert len(truth["charges"]) == 15
    assert {charge["status"] for charge in truth["charges"]} == {"succeeded"}
