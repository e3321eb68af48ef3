"""What holds for every request: access, parameters, errors, lists, idempotency keys."""

import asyncio
import base64

import pytest
import stripe

FORM = {"content-type": "application/x-www-form-urlencoded", "authorization": "Bearer sk_test_souk"}
INTENTS = "/sandbox/stripe/v1/payment_intents"


async def post(world, body, key=None, **headers):
    extra = {"idempotency-key": key} if key else {}
    return await world.http.post(INTENTS, content=body, headers=FORM | extra | headers)


@pytest.mark.parametrize(
    "authorization", [None, "Bearer", "Bearer sk_live_1234567890abcdef", "Basic !!!", "Digest x", "Bearer sk_test_"]
)
async def test_only_test_keys_are_let_in(world, authorization):
    headers = {"authorization": authorization} if authorization else {}
    answer = await world.http.get(INTENTS, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["request-id"].startswith("req_")


async def test_the_key_may_come_as_basic_user_name(world):
    credentials = base64.b64encode(b"sk_test_souk:").decode()
    answer = await world.http.get(INTENTS, headers={"authorization": f"Basic {credentials}"})
    assert answer.json() == {"object": "list", "data": [], "has_more": False, "url": "/v1/payment_intents"}
    assert answer.headers["stripe-version"] == "2026-10-28.endive"


async def test_browsers_of_other_origins_are_welcome(world):
    answer = await world.http.options(INTENTS)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": 10.5}, "parameter_invalid_integer", "amount"),
        ({"amount": 29, "currency": "gbp"}, "amount_too_small", "amount"),
        ({"amount": 49, "currency": "jpy"}, "amount_too_small", "amount"),
        ({"amount": 1001, "currency": "kwd"}, "invalid_charge_amount", "amount"),
        ({"amount": 150, "currency": "isk"}, "invalid_charge_amount", "amount"),
        ({"currency": "xyz"}, None, "currency"),
        ({"currency": ""}, "parameter_invalid_empty", "currency"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"confirm": "perhaps"}, None, "confirm"),
        ({"capture_method": "never"}, None, "capture_method"),
        ({"metadata": "x"}, None, "metadata"),
        ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, None, "metadata"),
        ({"description": {"a": "b"}}, None, "description"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"allowed_payment_method_types": "card"}, None, "allowed_payment_method_types"),
        ({"off_session": True}, None, "off_session"),
        ({"expand": ["colour"]}, None, "expand"),
    ],
)
async def test_bad_parameters_are_refused_by_name(world, changes, code, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.intent(**changes)
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    assert (await world.truth())["payment_intents"] == []


@pytest.mark.parametrize(
    "body", [b"amount=1&=2", b"a[b]c=1", b"a[b]=1&a[b][c]=2", b"a=%ff", b"a[b]=1&a=2", b"a=1&a[b]=2"]
)
async def test_unreadable_bodies_are_refused(world, body):
    assert (await post(world, body)).status_code == 400


async def test_json_bodies_are_refused(world):
    answer = await post(world, b'{"amount":500}', **{"content-type": "application/json"})
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


async def test_currencies_are_written_in_lower_case(world):
    assert (await world.intent(currency="EUR")).currency == "eur"
    assert (await world.intent(currency="kwd", amount=1000)).amount == 1000


async def test_unknown_places_and_things_are_not_found(world):
    headers = {"authorization": "Bearer sk_test_souk"}
    for path in ("/sandbox/stripe/v1/unicorns", f"{INTENTS}/pi_1/explode", "/sandbox/stripe/v1/charges/ch_none"):
        answer = await world.http.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "invalid_request_error"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.stripe.v1.payment_intents.retrieve_async("pi_none")
    assert (caught.value.code, caught.value.param) == ("resource_missing", "intent")


async def test_lists_are_paged_by_cursor_newest_first(world):
    made = [(await world.intent(amount=1000 + n)).id for n in range(5)]
    newest_first = made[::-1]
    page = await world.stripe.v1.payment_intents.list_async({"limit": 2})
    assert ([one.id for one in page.data], page.has_more) == (newest_first[:2], True)
    after = await world.stripe.v1.payment_intents.list_async({"limit": 3, "starting_after": newest_first[1]})
    assert ([one.id for one in after.data], after.has_more) == (newest_first[2:], False)
    before = await world.stripe.v1.payment_intents.list_async({"limit": 2, "ending_before": newest_first[3]})
    assert [one.id for one in before.data] == newest_first[1:3]
    everything = [one.id async for one in page.auto_paging_iter()]
    assert everything == newest_first


async def test_lists_are_narrowed_by_time(world):
    intent = await world.intent()
    list_intents = world.stripe.v1.payment_intents.list_async
    assert len((await list_intents({"created": {"gte": intent.created}})).data) == 1
    assert len((await list_intents({"created": {"gt": intent.created + 5}})).data) == 0
    assert len((await list_intents({"created": intent.created})).data) == 1


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"limit": 101}, "limit"),
        ({"limit": 0}, "limit"),
        ({"starting_after": "pi_none"}, "starting_after"),
        ({"created": {"around": 5}}, "created"),
        ({"created": "today"}, "created"),
    ],
)
async def test_bad_list_parameters_are_refused(world, params, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.stripe.v1.payment_intents.list_async(params)
    assert caught.value.param == param


async def test_ids_expand_to_objects_in_lists_and_depth(world):
    paid = await world.paid()
    listed = await world.stripe.v1.payment_intents.list_async({"expand": ["data.latest_charge.payment_intent"]})
    assert listed.data[0].latest_charge.payment_intent.id == paid.id
    charges = await world.stripe.v1.charges.list_async(
        {"payment_intent": paid.id, "expand": ["data.balance_transaction"]}
    )
    assert charges.data[0].balance_transaction is None


async def test_the_same_key_and_parameters_give_the_same_answer(world):
    first = await post(world, b"amount=2000&currency=usd", "key-1")
    second = await post(world, b"currency=usd&amount=2000", "key-1")
    assert second.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["original-request"] == first.headers["request-id"] != second.headers["request-id"]
    assert len((await world.truth())["payment_intents"]) == 1


async def test_the_same_key_with_other_parameters_is_refused(world):
    await post(world, b"amount=2000&currency=usd", "key-1")
    answer = await post(world, b"amount=2001&currency=usd", "key-1")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")
    elsewhere = await world.http.post("/sandbox/stripe/v1/refunds", headers=FORM | {"idempotency-key": "key-1"})
    assert elsewhere.json()["error"]["type"] != "card_error"


async def test_a_declined_confirmation_is_replayed_as_declined(world):
    params = {"amount": 2000, "currency": "usd", "confirm": True, "payment_method": "pm_card_chargeDeclined"}
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            await world.stripe.v1.payment_intents.create_async(params, {"idempotency_key": "key-2"})
    assert caught.value.headers["idempotent-replayed"] == "true"
    assert len((await world.truth())["charges"]) == 1


async def test_refusals_that_ran_are_replayed_and_those_of_validation_are_not(world):
    intent = await world.intent()
    confirm = world.stripe.v1.payment_intents.confirm_async
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        await confirm(intent.id, {}, {"idempotency_key": "ran"})
    await world.stripe.v1.payment_intents.update_async(intent.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        await confirm(intent.id, {}, {"idempotency_key": "ran"})
    assert (await post(world, b"amount=1&currency=usd", "never-ran")).status_code == 400
    assert (await post(world, b"amount=2000&currency=usd", "never-ran")).status_code == 200


async def test_a_key_in_use_is_a_conflict(world):
    rule = {"provider": "stripe", "operation": "payment_intents.create", "mode": "delay", "delay": 0.3, "count": 1}
    await world.chaos(rule)
    slow = asyncio.create_task(post(world, b"amount=2000&currency=usd", "key-3"))
    await asyncio.sleep(0.1)
    conflict = await post(world, b"amount=2000&currency=usd", "key-3")
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await slow).status_code == 200
    assert (await post(world, b"amount=2000&currency=usd", "key-3")).headers["idempotent-replayed"] == "true"


async def test_keys_are_bounded_and_ignored_on_reads(world):
    assert (await post(world, b"amount=2000&currency=usd", "k" * 256)).status_code == 400
    headers = FORM | {"idempotency-key": "read"}
    for _ in range(2):
        answer = await world.http.get(INTENTS, headers=headers)
        assert "idempotent-replayed" not in answer.headers


async def test_an_old_key_is_forgotten_after_a_day(world):
    await post(world, b"amount=2000&currency=usd", "key-4")
    with world.sandbox._store.transaction() as db:
        db.execute("UPDATE stripe_idempotency SET created = created - 90000")
    answer = await post(world, b"amount=2500&currency=usd", "key-4")
    assert answer.json()["amount"] == 2500
