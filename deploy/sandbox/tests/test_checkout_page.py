"""The hosted page: a customer pays, is declined, authenticates, or pays by a debit that settles later."""

import httpx2
import pytest

ITEM = {"price_data": {"currency": "usd", "unit_amount": 1250, "product_data": {"name": "Lamp <b>"}}, "quantity": 2}


async def test_the_page_shows_what_is_to_be_paid(world):
    session = await world.checkout(customer_email="ada@example.com")
    page = await world.http.get(world.page_of(session))
    assert page.status_code == 200
    for shown in (
        "$25.00 USD",
        "Lamp &lt;b&gt;",
        "4242 4242 4242 4242",
        "ada@example.com",
        'href="https://shop.example/cart"',
    ):
        assert shown in page.text
    assert (await world.http.get("/sandbox/stripe/checkout/cs_test_none")).status_code == 404
    assert (await world.http.post("/sandbox/stripe/checkout/cs_test_none")).status_code == 404


async def test_a_good_card_pays_and_leads_back_to_the_shop(world):
    session = await world.checkout(payment_intent_data={"metadata": {"payment": "9"}, "description": "Order 7"})
    answer = await world.pay(session, email="ada@example.com", name="Ada")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/done?session={session.id}"
    paid = await world.session(session, "payment_intent.latest_charge")
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert (paid.customer_details.email, paid.customer_details.name) == ("ada@example.com", "Ada")
    intent = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.description) == ("succeeded", 2500, "Order 7")
    assert (paid.metadata.to_dict(), intent.metadata.to_dict()) == ({"order": "7"}, {"payment": "9"})
    assert intent.latest_charge.billing_details.email == "ada@example.com"
    await world.until(lambda: len(world.shop.events) == 4)
    listed = [event.type for event in (await world.stripe.v1.events.list_async()).data]
    assert listed[::-1] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    event = next(event for event in world.shop.events if event["type"] == "checkout.session.completed")
    assert event["data"]["object"]["payment_status"] == "paid"
    assert event["data"]["object"]["payment_intent"] == intent.id
    assert event["request"] == {"id": None, "idempotency_key": None}


async def test_a_declined_card_leaves_the_session_open_for_another(world):
    session = await world.checkout()
    answer = await world.pay(session, "4000000000009995")
    assert (answer.status_code, "insufficient funds" in answer.text) == (402, True)
    still = await world.session(session, "payment_intent")
    assert (still.status, still.payment_status, still.url) == ("open", "unpaid", session.url)
    assert still.payment_intent.last_payment_error.decline_code == "insufficient_funds"
    assert "insufficient funds" in (await world.http.get(world.page_of(session))).text
    as_json = await world.pay(session, "4000000000000002", accept="application/json")
    assert as_json.status_code == 402
    error = as_json.json()["error"]
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", "card_declined", "generic_decline")
    assert error["payment_intent"]["id"] == still.payment_intent.id
    assert (await world.pay(session)).status_code == 303
    paid = await world.session(session)
    assert (paid.payment_status, paid.payment_intent) == ("paid", still.payment_intent.id)
    await world.until_delivered()
    assert world.told() == ["checkout.session.completed"]
    assert world.shop.types.count("charge.failed") == world.shop.types.count("payment_intent.payment_failed") == 2
    assert world.shop.types.count("payment_intent.created") == 1


@pytest.mark.parametrize(
    ("typed", "status", "code"),
    [
        ({"card_number": "4242424242424241"}, 402, "incorrect_number"),
        ({"card_number": ""}, 400, "incomplete_number"),
        ({"card_number[a]": "4242424242424242"}, 400, None),
        ({"card_number": "4242424242424242", "settle_after": "soon"}, 400, None),
        ({"card_number": "4242424242424242", "settle_after": "-1"}, 400, None),
        ({"card_number": "4111111111111111"}, 402, "card_declined"),
    ],
)
async def test_what_cannot_be_charged_is_refused(world, typed, status, code):
    session = await world.checkout()
    headers = {"accept": "application/json"}
    answer = await world.http.post(world.page_of(session), data=typed, headers=headers)
    assert (answer.status_code, answer.json()["error"].get("code")) == (status, code)
    assert (await world.session(session)).status == "open"


async def test_a_closed_session_is_refused_with_a_page_that_says_so(world):
    paid, expired = await world.checkout(), await world.checkout()
    await world.pay(paid)
    await world.stripe.v1.checkout.sessions.expire_async(expired.id)
    for session, status, word in ((paid, 409, "already been paid"), (expired, 410, "has expired")):
        answer = await world.pay(session)
        assert (answer.status_code, word in answer.text) == (status, True)
        as_json = await world.pay(session, accept="application/json")
        assert word in as_json.json()["error"]["message"]
        shown = await world.http.get(world.page_of(session))
        assert shown.status_code == 200
        assert "card_number" not in shown.text
    charges = (await world.truth())["charges"]
    assert len(charges) == 1


@pytest.mark.parametrize(("verdict", "status"), [("pass", "complete"), ("fail", "open")])
async def test_authentication_is_asked_for_on_the_way(world, verdict, status):
    session = await world.checkout()
    answer = await world.pay(session, "4000 0025 0000 3155")
    assert answer.status_code == 303
    intent = (await world.session(session)).payment_intent
    bank = answer.headers["location"]
    assert bank == f"http://shop.example/sandbox/stripe/authenticate/{intent}"
    back = await world.http.post(bank.replace("http://shop.example", world.url), data={"verdict": verdict})
    after = await world.session(session)
    assert after.status == status
    if verdict == "pass":
        assert back.headers["location"] == f"https://shop.example/done?session={session.id}"
        assert after.payment_status == "paid"
    else:
        assert back.headers["location"] == session.url
        assert "failed authentication" in (await world.http.get(world.page_of(session))).text
        assert (await world.pay(session)).status_code == 303


@pytest.mark.parametrize(
    ("number", "status", "event"),
    [
        ("000123456789", "paid", "checkout.session.async_payment_succeeded"),
        ("000222222227", "unpaid", "checkout.session.async_payment_failed"),
    ],
)
async def test_a_debit_completes_the_session_and_settles_later(world, number, status, event):
    session = await world.checkout()
    answer = await world.pay(session, number, settle_after="0.2")
    assert answer.headers["location"] == f"https://shop.example/done?session={session.id}"
    waiting = await world.session(session, "payment_intent")
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    assert waiting.payment_intent.status == "processing"
    await world.until(lambda: world.told() == ["checkout.session.completed", event])
    settled = await world.session(session, "payment_intent")
    assert (settled.status, settled.payment_status) == ("complete", status)
    assert settled.payment_intent.status == ("succeeded" if status == "paid" else "requires_payment_method")
    completed, last = [seen for seen in world.shop.events if seen["type"].startswith("checkout.")]
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    assert last["data"]["object"]["payment_status"] == status
    types = world.shop.types
    assert "payment_intent.processing" in types
    assert ("charge.succeeded" if status == "paid" else "charge.failed") in types


async def test_a_debit_settles_over_a_restart(tmp_path, start_world):
    async with start_world(tmp_path / "sandbox.db", settle_after=0.3) as world:
        session = await world.checkout()
        await world.pay(session, "000123456789")
    async with start_world(tmp_path / "sandbox.db") as world:
        await world.until(lambda: "checkout.session.async_payment_succeeded" in world.told())
        assert (await world.session(session)).payment_status == "paid"


async def test_only_allowed_methods_pay(world):
    session = await world.checkout(allowed_payment_method_types=["card"])
    assert session.payment_method_types == ["card"]
    answer = await world.pay(session, "000123456789")
    assert (answer.status_code, "cannot be paid by us_bank_account" in answer.text) == (400, True)
    without = await world.checkout(excluded_payment_method_types=["us_bank_account"])
    assert without.payment_method_types == ["card", "link"]


async def test_held_money_counts_once_it_is_captured(world):
    session = await world.checkout(payment_intent_data={"capture_method": "manual"})
    await world.pay(session)
    held = await world.session(session, "payment_intent")
    assert (held.status, held.payment_status) == ("complete", "unpaid")
    assert held.payment_intent.status == "requires_capture"
    await world.stripe.v1.payment_intents.capture_async(held.payment_intent.id)
    assert (await world.session(session)).payment_status == "paid"


async def test_an_order_for_nothing_needs_no_card(world):
    free = {**ITEM, "price_data": {**ITEM["price_data"], "unit_amount": 0}}
    session = await world.checkout(line_items=[free])
    assert session.payment_status == "no_payment_required"
    assert "card_number" not in (await world.http.get(world.page_of(session))).text
    assert (await world.http.post(world.page_of(session), data={"email": "a@b.example"})).status_code == 303
    done = await world.session(session)
    assert (done.status, done.payment_status, done.payment_intent) == ("complete", "no_payment_required", None)
    await world.until(lambda: world.shop.types == ["checkout.session.completed"])


@pytest.mark.parametrize("variant", [None, "reset", "truncate", "html"])
async def test_a_lost_answer_of_the_page_does_not_lose_the_payment(world, variant):
    session = await world.checkout()
    rule = {"provider": "stripe", "operation": "checkout.page.pay", "mode": "commit_then_error", "count": 1}
    await world.chaos({**rule, "variant": variant})
    try:
        assert (await world.pay(session)).status_code >= 500
    except httpx2.TransportError:
        assert variant in {"reset", "truncate"}
    assert (await world.session(session)).payment_status == "paid"
    assert (await world.pay(session)).status_code == 409


@pytest.mark.parametrize("mode", ["hang", "commit_then_hang", "delay", "tamper"])
async def test_the_page_can_be_silent_or_slow(world, mode):
    session = await world.checkout()
    await world.chaos({"provider": "stripe", "operation": "checkout.page.pay", "mode": mode, "delay": 0.05})
    if "hang" in mode:
        with pytest.raises(httpx2.TransportError):
            await world.pay(session)
    else:
        assert (await world.pay(session)).status_code == 303
    assert (await world.session(session)).payment_status == ("unpaid" if mode == "hang" else "paid")


async def test_refunds_of_a_session_follow_the_card(world):
    slow, failing = await world.checkout(), await world.checkout()
    await world.pay(slow, "4000 0000 0000 7726")
    await world.pay(failing, "4000 0000 0000 5126")
    refunds = world.stripe.v1.refunds
    charge = (await world.session(slow, "payment_intent")).payment_intent.latest_charge
    first = await refunds.create_async({"charge": charge})
    second = await refunds.create_async({"payment_intent": (await world.session(failing)).payment_intent})
    assert (first.status, second.status) == ("pending", "succeeded")
    assert first.metadata.to_dict() == {}
    await world.until(lambda: world.shop.types.count("charge.refund.updated") == 2)
    assert (await refunds.retrieve_async(first.id)).status == "succeeded"
    assert (await refunds.retrieve_async(second.id)).status == "failed"
    assert {"refund.created", "charge.refunded", "refund.updated", "refund.failed"} <= set(world.shop.types)
