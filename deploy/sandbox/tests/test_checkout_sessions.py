"""Checkout Sessions through the official SDK."""

import json
import re
import time
from pathlib import Path

import pytest
import stripe

GOLDEN = Path(__file__).parent / "golden"
FORM = {"content-type": "application/x-www-form-urlencoded", "authorization": "Bearer sk_test_souk"}
HOUR = 3600
ITEM = {"price_data": {"currency": "usd", "unit_amount": 1250, "product_data": {"name": "Lamp <b>"}}, "quantity": 2}
SMALL = {"mode": "payment", "line_items": [ITEM], "success_url": "https://shop.example/done"}


async def test_a_new_session_is_open_unpaid_and_has_no_intent(world):
    session = await world.checkout(client_reference_id="order-7", customer_email="ada@example.com")
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.amount_subtotal, session.currency) == (2500, 2500, "usd")
    assert (session.client_reference_id, session.customer_details.email) == ("order-7", "ada@example.com")
    assert session.metadata.to_dict() == {"order": "7"}
    assert session.expires_at == session.created + 24 * HOUR
    assert session.url == f"http://shop.example/sandbox/stripe/checkout/{session.id}"
    assert (await world.truth())["payment_intents"] == []
    (kept,) = (await world.truth())["checkout_sessions"]
    assert (kept["id"], kept["client_reference_id"]) == (session.id, "order-7")


async def test_a_session_and_its_items_have_every_published_field(world):
    published = json.loads((GOLDEN / "checkout_session_created.json").read_text())
    request = published["request"]
    place = f"/sandbox/stripe{request['path']}"
    answer = await world.http.post(place, content=request["form"].encode(), headers=FORM)
    body = answer.json()
    assert answer.status_code == published["status"]
    assert {name: body[name] for name in published["values"]} == published["values"]
    for name, pattern in published["types"].items():
        assert re.search(pattern, str(body[name])), name
    items = (await world.http.get(f"{place}/{body['id']}/line_items", headers=FORM)).json()
    wanted = json.loads((GOLDEN / "checkout_line_items.json").read_text())
    item = items["data"][0]
    assert items["url"] == f"/v1/checkout/sessions/{body['id']}/line_items"
    assert {name: item[name] for name in wanted["values"]} == wanted["values"]
    assert {name: item["price"][name] for name in wanted["price"]} == wanted["price"]
    assert item["price"]["product"].startswith("prod_")


async def test_items_keep_their_order_and_come_page_by_page(world):
    names = [f"thing {number}" for number in range(12)]
    items = [{**ITEM, "price_data": {**ITEM["price_data"], "product_data": {"name": name}}} for name in names]
    session = await world.checkout(line_items=items)
    first = await world.stripe.v1.checkout.sessions.line_items.list_async(session.id)
    assert ([item.description for item in first.data], first.has_more) == (names[:10], True)
    everything = [item.description async for item in first.auto_paging_iter()]
    assert everything == names
    expanded = await world.session(session, "line_items")
    assert len(expanded.line_items.data) == 10
    assert "line_items" not in await world.session(session)


async def test_the_intent_and_its_charge_can_be_expanded(world):
    session = await world.checkout()
    assert (await world.session(session, "payment_intent.latest_charge", "customer")).payment_intent is None
    await world.pay(session)
    expanded = await world.session(session, "payment_intent.latest_charge")
    assert expanded.payment_intent.latest_charge.paid is True
    listed = await world.stripe.v1.checkout.sessions.list_async({"expand": ["data.payment_intent"]})
    assert listed.data[0].payment_intent.amount_received == 2500


async def test_sessions_are_listed_newest_first_and_narrowed(world):
    one, two, three = [await world.checkout(customer_email=f"{name}@example.com") for name in "abc"]
    await world.pay(two)
    await world.stripe.v1.checkout.sessions.expire_async(three.id)
    intent = (await world.session(two)).payment_intent
    list_sessions = world.stripe.v1.checkout.sessions.list_async
    page = await list_sessions({"limit": 2})
    assert ([session.id for session in page.data], page.has_more) == ([three.id, two.id], True)
    assert page.url == "/v1/checkout/sessions"
    for params, wanted in (
        ({"starting_after": two.id}, [one]),
        ({"ending_before": two.id}, [three]),
        ({"payment_intent": intent}, [two]),
        ({"status": "expired"}, [three]),
        ({"status": "open"}, [one]),
        ({"customer_details": {"email": "b@example.com"}}, [two]),
        ({"customer_details": {"email": {"is": "b"}}}, []),
        ({"created": {"gt": one.created + 100}}, []),
    ):
        assert [found.id for found in (await list_sessions(params)).data] == [session.id for session in wanted], params


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"mode": None}, "parameter_missing", "mode"),
        ({"mode": "subscription"}, None, "mode"),
        ({"ui_mode": "elements"}, None, "ui_mode"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"success_url": "shop.example/done"}, "url_invalid", "success_url"),
        ({"cancel_url": "javascript:alert(1)"}, "url_invalid", "cancel_url"),
        ({"cancel_url": "http://[::1/"}, "url_invalid", "cancel_url"),
        ({"line_items": None}, "parameter_missing", "line_items"),
        ({"line_items": {"lamp": ITEM}}, None, "line_items"),
        ({"line_items": ["lamp"]}, None, "line_items[0]"),
        ({"line_items": [ITEM] * 101}, None, "line_items"),
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, "resource_missing", "line_items[0][price]"),
        ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0]"),
        ({"line_items": [{**ITEM, "quantity": 0}]}, "parameter_invalid_integer", "line_items[0][quantity]"),
        ({"line_items": [{"price_data": ITEM["price_data"]}]}, "parameter_missing", "line_items[0][quantity]"),
        ({"line_items": [{**ITEM, "colour": "red"}]}, "parameter_unknown", "line_items[0][colour]"),
        (
            {"line_items": [{**ITEM, "price_data": {"currency": "usd", "unit_amount": 5}}]},
            "parameter_missing",
            "line_items[0][price_data][product_data]",
        ),
        (
            {"line_items": [{**ITEM, "price_data": {**ITEM["price_data"], "unit_amount": -1}}]},
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (
            {"line_items": [ITEM, {**ITEM, "price_data": {**ITEM["price_data"], "currency": "eur"}}]},
            None,
            "line_items",
        ),
        (
            {"line_items": [{**ITEM, "price_data": {**ITEM["price_data"], "unit_amount": 20}}]},
            "amount_too_small",
            None,
        ),
        (
            {"line_items": [{**ITEM, "price_data": {**ITEM["price_data"], "unit_amount": 99_999_999}}]},
            "amount_too_large",
            None,
        ),
        ({"customer_email": "ada"}, "email_invalid", "customer_email"),
        ({"customer_email": "a@b.example", "customer": "cus_1"}, "parameters_exclusive", "customer"),
        ({"client_reference_id": "x" * 201}, "parameter_invalid_string_length", "client_reference_id"),
        ({"payment_intent_data": {"amount": 5}}, "parameter_unknown", "payment_intent_data[amount]"),
        (
            {"payment_intent_data": {"receipt_email": "ada"}},
            "email_invalid",
            "payment_intent_data[receipt_email]",
        ),
        ({"payment_intent_data": {"capture_method": "never"}}, None, "payment_intent_data[capture_method]"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"discounts": [{"coupon": "x"}]}, "parameter_unknown", "discounts"),
    ],
)
async def test_bad_sessions_are_refused_by_name(world, changes, code, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.checkout(**changes)
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    assert (await world.truth())["checkout_sessions"] == []


@pytest.mark.parametrize(
    ("seconds", "word"), [(29 * 60, "at least 30 minutes"), (24 * HOUR + 60, "less than 24 hours"), (-5, "30 minutes")]
)
async def test_a_session_lives_between_half_an_hour_and_a_day(world, seconds, word):
    with pytest.raises(stripe.InvalidRequestError, match=f"`expires_at` timestamp must be .*{word}") as caught:
        await world.checkout(expires_at=int(time.time()) + seconds)
    assert caught.value.param == "expires_at"


async def test_an_open_session_can_be_expired_once(world):
    session = await world.checkout(expires_at=int(time.time()) + 31 * 60)
    expired = await world.stripe.v1.checkout.sessions.expire_async(session.id)
    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    await world.until(lambda: world.told() == ["checkout.session.expired"])
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.stripe.v1.checkout.sessions.expire_async(session.id)
    assert 'Only Checkout Sessions with a status in ["open"] can be expired.' in str(caught.value)
    assert "This Checkout Session has a status of `expired`." in str(caught.value)
    paid = await world.checkout()
    await world.pay(paid)
    with pytest.raises(stripe.InvalidRequestError, match="has a status of `complete`"):
        await world.stripe.v1.checkout.sessions.expire_async(paid.id)
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await world.stripe.v1.checkout.sessions.expire_async("cs_test_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


def let_time_pass(world, session):
    """As if `expires_at` had come."""
    with world.sandbox._store.transaction() as db:
        body = json.loads(db.execute("SELECT body FROM stripe_objects WHERE id = ?", (session.id,)).fetchone()["body"])
        body["expires_at"] = int(time.time()) - 1
        db.execute("UPDATE stripe_objects SET body = ? WHERE id = ?", (json.dumps(body), session.id))
        db.execute("UPDATE later SET due = 0 WHERE subject = ?", (session.id,))


async def test_a_session_expires_by_itself_even_over_a_restart(tmp_path, start_world):
    async with start_world(tmp_path / "sandbox.db") as world:
        session, other = await world.checkout(), await world.checkout()
        await world.pay(session, "4000000000000002")
        let_time_pass(world, session)
    async with start_world(tmp_path / "sandbox.db") as world:
        await world.until(lambda: world.told() == ["checkout.session.expired"])
        expired = await world.session(session, "payment_intent")
        assert (expired.status, expired.url) == ("expired", None)
        assert (expired.payment_intent.status, expired.payment_intent.cancellation_reason) == ("canceled", "expired")
        assert (await world.session(other)).status == "open"
        assert (await world.pay(other)).status_code == 303
        assert (await world.session(other, "payment_intent")).payment_intent.metadata.to_dict() == {"payment": "9"}


async def test_a_paid_session_does_not_expire(world):
    session = await world.checkout()
    await world.pay(session)
    let_time_pass(world, session)
    await world.checkout()
    await world.until_delivered()
    assert world.told() == ["checkout.session.completed"]


async def test_a_session_whose_time_is_over_cannot_be_paid(world):
    session = await world.checkout()
    with world.sandbox._store.transaction() as db:
        db.execute("DELETE FROM later")
    let_time_pass(world, session)
    answer = await world.pay(session)
    assert (answer.status_code, "has expired" in answer.text) == (410, True)
    await world.until(lambda: world.told() == ["checkout.session.expired"])


async def test_the_same_key_makes_one_session(world):
    create = world.stripe.v1.checkout.sessions.create_async
    first = await create(SMALL, {"idempotency_key": "order-7"})
    again = await create(SMALL, {"idempotency_key": "order-7"})
    assert again.id == first.id
    with pytest.raises(stripe.IdempotencyError):
        await create({**SMALL, "client_reference_id": "x"}, {"idempotency_key": "order-7"})
    expire = world.stripe.v1.checkout.sessions.expire_async
    for _ in range(2):
        assert (await expire(first.id, {}, {"idempotency_key": "close-7"})).status == "expired"
    assert len((await world.truth())["checkout_sessions"]) == 1


async def test_a_browser_may_not_read_sessions(world):
    session = await world.checkout()
    with pytest.raises(stripe.AuthenticationError):
        await world.client(key="pk_test_souk").v1.checkout.sessions.retrieve_async(session.id)


async def test_the_intent_of_a_session_is_paid_and_canceled_through_it_only(world):
    session = await world.checkout()
    await world.pay(session, "4000000000000002")
    intent = (await world.session(session)).payment_intent
    for call_it in (world.stripe.v1.payment_intents.cancel_async, world.stripe.v1.payment_intents.confirm_async):
        with pytest.raises(stripe.InvalidRequestError, match=session.id):
            await call_it(intent)


@pytest.mark.parametrize("mode", ["error", "hang", "commit_then_error", "commit_then_hang"])
async def test_chaos_reaches_sessions_and_keys_survive_it(world, mode):
    rule = {"provider": "stripe", "operation": "checkout.sessions.create", "mode": mode, "count": 1, "delay": 0.05}
    await world.chaos(rule)
    create = world.stripe.v1.checkout.sessions.create_async
    with pytest.raises((stripe.APIError, stripe.APIConnectionError)):
        await create(SMALL, {"idempotency_key": "order-7"})
    kept = (await world.truth())["checkout_sessions"]
    assert len(kept) == (1 if mode.startswith("commit") else 0)
    made = await create(SMALL, {"idempotency_key": "order-7"})
    assert [one["id"] for one in (await world.truth())["checkout_sessions"]] == [made.id]


@pytest.mark.parametrize(
    ("variant", "seen"),
    [("amount", (2501, "usd", "7")), ("currency", (2500, "eur", "7")), ("metadata", (2500, "usd", "7-other"))],
)
async def test_tampered_sessions_lie(world, variant, seen):
    session = await world.checkout()
    rule = {"provider": "stripe", "operation": "checkout.sessions.retrieve", "mode": "tamper", "variant": variant}
    await world.chaos(rule)
    lie = await world.session(session)
    assert (lie.amount_total, lie.currency, lie.metadata["order"]) == seen


async def test_every_operation_of_sessions_answers_to_its_name(world):
    session = await world.checkout()
    sessions = world.stripe.v1.checkout.sessions
    for operation, deed in (
        ("list", sessions.list_async),
        ("line_items", lambda: sessions.line_items.list_async(session.id)),
        ("expire", lambda: sessions.expire_async(session.id)),
    ):
        await world.chaos({"provider": "stripe", "operation": f"checkout.sessions.{operation}", "mode": "error"})
        with pytest.raises(stripe.APIError):
            await deed()
    await world.chaos({"provider": "stripe", "operation": "checkout.page.show", "mode": "error", "status": 503})
    assert (await world.http.get(world.page_of(session))).status_code == 503
