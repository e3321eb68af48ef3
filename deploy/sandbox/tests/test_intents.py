"""Payment intents through the official SDK."""

import asyncio

import pytest
import stripe


async def test_a_new_intent_waits_for_a_payment_method(world):
    intent = await world.intent(metadata={"order": "7"}, receipt_email="a@example.com")
    assert intent.status == "requires_payment_method"
    assert intent.client_secret is not None
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.metadata.to_dict() == {"order": "7"}
    assert intent.automatic_payment_methods.enabled is True


async def test_confirming_with_a_good_card_takes_the_money(world):
    intent = await world.intent()
    paid = await world.stripe.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_visa", "expand": ["latest_charge"]}
    )
    assert paid.status == "succeeded"
    assert paid.amount_received == 2000
    assert paid.latest_charge.status == "succeeded"
    assert paid.latest_charge.payment_method_details.card.last4 == "4242"


async def test_the_synchronous_client_works_too(world):
    params = {"amount": 500, "currency": "gbp", "confirm": True, "payment_method": "pm_card_visa"}
    paid = await asyncio.to_thread(world.client().v1.payment_intents.create, params)
    assert paid.status == "succeeded"


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
async def test_a_declined_card_leaves_the_intent_open(world, method, code, decline_code):
    intent = await world.intent()
    with pytest.raises(stripe.CardError) as caught:
        await world.stripe.v1.payment_intents.confirm_async(intent.id, {"payment_method": method})
    assert caught.value.http_status == 402
    assert caught.value.code == code
    assert caught.value.error.to_dict().get("decline_code") == decline_code
    assert caught.value.error.payment_intent.id == intent.id
    after = await world.stripe.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert after.status == "requires_payment_method"
    assert after.payment_method is None
    assert after.last_payment_error.code == code
    assert after.latest_charge.status == "failed"
    again = await world.stripe.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_mastercard"})
    assert again.status == "succeeded"
    assert again.last_payment_error is None


async def test_creating_and_confirming_in_one_call_tells_of_the_failed_intent(world):
    with pytest.raises(stripe.CardError) as caught:
        await world.paid("pm_card_chargeDeclined")
    assert (await world.truth())["payment_intents"][0]["id"] == caught.value.error.payment_intent.id


async def test_a_card_number_can_be_given_as_data(world):
    data = {"type": "card", "card": {"number": "4242 4242 4242 4242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}}
    intent = await world.intent()
    paid = await world.stripe.v1.payment_intents.confirm_async(intent.id, {"payment_method_data": data})
    assert paid.status == "succeeded"


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4242424242424241", "incorrect_number", None),
        ("4242-not-a-number", "incorrect_number", None),
        ("tok_nobody", "incorrect_number", None),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4111111111111111", "card_declined", "test_mode_live_card"),
    ],
)
async def test_bad_card_numbers_are_refused(world, number, code, decline_code):
    intent = await world.intent()
    data = {"type": "card", "card": {"number": number}}
    with pytest.raises(stripe.CardError) as caught:
        await world.stripe.v1.payment_intents.confirm_async(intent.id, {"payment_method_data": data})
    assert caught.value.code == code
    assert caught.value.error.to_dict().get("decline_code") == decline_code


async def test_a_browser_confirms_with_the_client_secret_and_sees_no_metadata(world):
    intent = await world.intent(metadata={"order": "7"})
    browser = world.client(key="pk_test_souk")
    paid = await browser.v1.payment_intents.confirm_async(
        intent.id, {"client_secret": intent.client_secret, "payment_method": "pm_card_visa"}
    )
    assert paid.status == "succeeded"
    assert "metadata" not in paid
    with pytest.raises(stripe.InvalidRequestError) as wrong:
        await browser.v1.payment_intents.retrieve_async(intent.id, {"client_secret": "guess"})
    assert wrong.value.code == "resource_missing"
    with pytest.raises(stripe.AuthenticationError) as forbidden:
        await browser.v1.payment_intents.create_async({"amount": 500, "currency": "usd"})
    assert forbidden.value.json_body["error"]["code"] == "secret_key_required"


async def test_a_browser_sees_a_decline_without_the_metadata(world):
    intent = await world.intent(metadata={"order": "7"})
    browser = world.client(key="pk_test_souk")
    params = {"client_secret": intent.client_secret, "payment_method": "pm_card_chargeDeclined"}
    with pytest.raises(stripe.CardError) as caught:
        await browser.v1.payment_intents.confirm_async(intent.id, params)
    assert "metadata" not in caught.value.error.payment_intent


async def test_authentication_is_asked_for_and_passed_on_the_page(world):
    intent = await world.paid("pm_card_authenticationRequired", return_url="https://shop.example/back?x=1")
    assert intent.status == "requires_action"
    assert intent.next_action.type == "redirect_to_url"
    page = intent.next_action.redirect_to_url.url.replace("http://shop.example", world.url)
    assert "Complete authentication" in (await world.http.get(page)).text
    answer = await world.http.post(page, data={"verdict": "pass"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"https://shop.example/back?x=1&payment_intent={intent.id}")
    assert (await world.stripe.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"
    assert "Nothing to authenticate" in (await world.http.get(page)).text
    assert (await world.http.post(page, data={"verdict": "pass"})).status_code == 303


async def test_failing_the_authentication_asks_for_another_method(world):
    intent = await world.paid("pm_card_threeDSecure2Required")
    assert intent.next_action.type == "use_stripe_sdk"
    page = f"/sandbox/stripe/authenticate/{intent.id}"
    await world.http.post(page, data={"verdict": "fail"})
    after = await world.stripe.v1.payment_intents.retrieve_async(intent.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error.code == "payment_intent_authentication_failure"
    assert (await world.http.get("/sandbox/stripe/authenticate/pi_none")).status_code == 404
    assert (await world.http.post("/sandbox/stripe/authenticate/pi_none")).status_code == 404


@pytest.mark.parametrize("how", [{"off_session": True}, {"error_on_requires_action": True}])
async def test_authentication_without_a_customer_is_a_decline(world, how):
    with pytest.raises(stripe.CardError) as caught:
        await world.paid("pm_card_authenticationRequired", **how)
    assert caught.value.code == "authentication_required"


async def test_a_canceled_intent_stays_canceled(world):
    intent = await world.intent()
    gone = await world.stripe.v1.payment_intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    for call in (world.stripe.v1.payment_intents.cancel_async, world.stripe.v1.payment_intents.confirm_async):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await call(intent.id)
        assert caught.value.code == "payment_intent_unexpected_state"
        assert caught.value.error.payment_intent.status == "canceled"


async def test_a_paid_intent_can_be_neither_canceled_nor_confirmed_again(world):
    intent = await world.paid()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.stripe.v1.payment_intents.cancel_async(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert "because it has a status of succeeded" in str(caught.value)
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded"):
        await world.stripe.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})


async def test_confirming_without_a_method_is_refused(world):
    intent = await world.intent()
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        await world.stripe.v1.payment_intents.confirm_async(intent.id)


async def test_manual_capture_holds_takes_and_releases(world):
    held = await world.paid(capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 2000, 0)
    with pytest.raises(stripe.InvalidRequestError):
        await world.stripe.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 2001})
    taken = await world.stripe.v1.payment_intents.capture_async(
        held.id, {"amount_to_capture": 1500, "metadata": {"a": "b"}, "expand": ["latest_charge"]}
    )
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 1500, 0)
    assert taken.latest_charge.amount_captured == 1500
    with pytest.raises(stripe.InvalidRequestError, match="could not be captured"):
        await world.stripe.v1.payment_intents.capture_async(held.id)
    other = await world.paid(capture_method="manual")
    await world.stripe.v1.payment_intents.cancel_async(other.id)
    charge = (await world.stripe.v1.charges.list_async({"payment_intent": other.id})).data[0]
    assert (charge.captured, charge.refunded) == (False, True)


async def test_an_update_changes_what_may_still_change(world):
    intent = await world.intent(metadata={"a": "1", "b": "2"})
    changed = await world.stripe.v1.payment_intents.update_async(
        intent.id,
        {"amount": 2500, "metadata": {"a": "", "c": "3"}, "payment_method": "pm_card_visa", "description": "x"},
    )
    assert (changed.amount, changed.status, changed.description) == (2500, "requires_confirmation", "x")
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    await world.stripe.v1.payment_intents.confirm_async(intent.id)
    late = await world.stripe.v1.payment_intents.update_async(intent.id, {"metadata": "", "description": "y"})
    assert (late.metadata.to_dict(), late.description) == ({}, "y")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.stripe.v1.payment_intents.update_async(intent.id, {"amount": 9900})
    assert caught.value.code == "payment_intent_unexpected_state"
    other = await world.intent()
    with pytest.raises(stripe.InvalidRequestError) as small:
        await world.stripe.v1.payment_intents.update_async(other.id, {"amount": 10, "currency": "EUR"})
    assert small.value.code == "amount_too_small"


async def test_a_bank_debit_settles_later(world):
    good = await world.paid("pm_usBankAccount_success")
    bad = await world.paid("pm_usBankAccount_insufficientFunds")
    stuck = await world.paid("pm_usBankAccount_processing")
    assert {good.status, bad.status, stuck.status} == {"processing"}
    await world.until(lambda: {"payment_intent.succeeded", "payment_intent.payment_failed"} <= set(world.shop.types))
    statuses = [(await world.stripe.v1.payment_intents.retrieve_async(one.id)).status for one in (good, bad, stuck)]
    assert statuses == ["succeeded", "requires_payment_method", "processing"]


async def test_a_method_of_another_type_is_refused(world):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.paid("pm_usBankAccount_success", allowed_payment_method_types=["card"])
    assert caught.value.code == "payment_intent_invalid_parameter"
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await world.paid("pm_nobody")
    assert (unknown.value.code, unknown.value.http_status) == ("resource_missing", 400)


async def test_payment_methods_can_be_made_and_used(world):
    card = {"number": "5555555555554444", "exp_month": 1, "exp_year": 2034}
    method = await world.stripe.v1.payment_methods.create_async(
        {"type": "card", "card": card, "billing_details": {"name": "Ada", "address": {"country": "GB"}}}
    )
    assert (method.card.brand, method.billing_details.name) == ("mastercard", "Ada")
    assert (await world.stripe.v1.payment_methods.retrieve_async(method.id)).id == method.id
    assert (await world.paid(method.id)).status == "succeeded"
    by_token = await world.stripe.v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})
    assert by_token.card.last4 == "4242"
    for params in ({"type": "card"}, {"type": "us_bank_account"}):
        with pytest.raises(stripe.InvalidRequestError):
            await world.stripe.v1.payment_methods.create_async(params)
