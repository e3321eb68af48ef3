"""Payments: by every card, captured at once, late, by hand or never, and only once per order."""

import asyncio

import pytest
from razorpay.errors import BadRequestError, SignatureVerificationError

HELD, SLOW, LATE, NEVER = "4100289900010000", "4100289900020009", "4100289900030008", "4100289900040007"


async def test_a_good_card_pays_the_order_and_the_hand_back_verifies(till):
    order = await till.order(notes={"order": "7"})
    handed_back = (await till.pay(order, email="a@b.example")).json()
    assert set(handed_back) == {"razorpay_payment_id", "razorpay_order_id", "razorpay_signature"}
    assert till.sdk.utility.verify_payment_signature(handed_back)
    with pytest.raises(SignatureVerificationError):
        till.client(("rzp_test_souk", "other")).utility.verify_payment_signature(handed_back)
    payment = await till.payment(handed_back["razorpay_payment_id"])
    assert (payment["status"], payment["captured"], payment["order_id"]) == ("captured", True, order["id"])
    assert (payment["email"], payment["notes"], payment["card"]["last4"]) == ("a@b.example", {"order": "7"}, "1007")
    assert (payment["fee"], payment["tax"]) == (118, 18)
    assert await till.do(till.sdk.payment.fetchCardDetails, payment["id"]) == payment["card"]
    order = await till.do(till.sdk.order.fetch, order["id"])
    assert (order["status"], order["amount_paid"], order["amount_due"], order["attempts"]) == ("paid", 5000, 0, 1)
    assert (await till.do(till.sdk.order.payments, order["id"]))["items"] == [payment]
    assert (await till.do(till.sdk.payment.all, {"count": 1}))["items"] == [payment]
    edited = await till.do(till.sdk.payment.edit, payment["id"], {"notes": {}})
    assert edited["notes"] == []


@pytest.mark.parametrize(
    ("card", "code", "reason"),
    [
        ("4100 2800 0009 0000", "BAD_REQUEST_ERROR", "payment_timed_out"),
        ("4100280000080001", "BAD_REQUEST_ERROR", "insufficient_fund"),
        ("4100280000070002", "BAD_REQUEST_ERROR", "payment_cancelled"),
        ("5305620000030003", "BAD_REQUEST_ERROR", "card_declined"),
        ("4100280000030006", "BAD_REQUEST_ERROR", "card_disabled_for_online_payments"),
        ("4100280000010008", "BAD_REQUEST_ERROR", "card_number_invalid"),
        ("4100280000020007", "GATEWAY_ERROR", "gateway_technical_error"),
        ("4100280000000009", "GATEWAY_ERROR", "authentication_failed"),
        ("4242424242424242", "BAD_REQUEST_ERROR", "card_declined"),
        ("1234", "BAD_REQUEST_ERROR", "card_number_invalid"),
    ],
)
async def test_failing_cards_fail_as_documented_and_the_order_stays_payable(till, card, code, reason):
    order = await till.order()
    answer = await till.pay(order, card)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["reason"]) == (400, code, reason)
    assert set(error) == {"code", "description", "source", "step", "reason", "metadata"}
    payment = await till.payment(error["metadata"]["payment_id"])
    assert (payment["status"], payment["error_code"], payment["error_reason"]) == ("failed", code, reason)
    assert payment["error_description"] == error["description"]
    assert error["metadata"]["order_id"] == order["id"]
    assert (await till.do(till.sdk.order.fetch, order["id"]))["status"] == "attempted"
    assert (await till.pay(order)).status_code == 200
    order = await till.do(till.sdk.order.fetch, order["id"])
    assert (order["status"], order["attempts"]) == ("paid", 2)


async def test_a_held_card_waits_for_the_shop_to_capture(till):
    payment = await till.paid(HELD)
    assert (payment["status"], payment["captured"], payment["fee"]) == ("authorized", False, None)
    capture = till.sdk.payment.capture
    for amount, currency, words in ((4999, "INR", "Capture amount"), (5000, "USD", "Capture currency")):
        with pytest.raises(BadRequestError, match=words):
            await till.do(capture, payment["id"], amount, {"currency": currency})
    captured = await till.do(capture, payment["id"], 5000, {"currency": "INR"})
    assert (captured["status"], captured["captured"]) == ("captured", True)
    with pytest.raises(BadRequestError, match="already been captured"):
        await till.do(capture, payment["id"], 5000, {"currency": "INR"})
    assert (await till.truth())["orders"][0]["status"] == "paid"


@pytest.mark.parametrize("manual", [{"payment_capture": False}, {"payment": {"capture": "manual"}}])
async def test_an_order_may_ask_not_to_be_captured(till, manual):
    assert (await till.paid(**manual))["status"] == "authorized"
    assert (await till.paid(payment={"capture": "automatic"}, payment_capture=0))["status"] == "captured"


async def test_a_failed_payment_cannot_be_captured(till):
    payment = await till.paid("4100280000060003")
    with pytest.raises(BadRequestError, match="Only payments which have been authorized"):
        await till.do(till.sdk.payment.capture, payment["id"], 5000, {"currency": "INR"})


async def test_a_slow_card_is_captured_by_itself_after_the_asked_time(till):
    order = await till.order()
    handed_back = (await till.pay(order, SLOW, after="0.3")).json()
    await asyncio.sleep(0.15)
    assert (await till.payment(handed_back["razorpay_payment_id"]))["status"] == "authorized"
    await till.until_told("order.paid")
    assert (await till.payment(handed_back["razorpay_payment_id"]))["status"] == "captured"


async def test_a_late_card_fails_first_and_turns_out_to_have_paid(till):
    order = await till.order()
    answer = await till.pay(order, LATE)
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "payment_timed_out")
    await till.until_told("order.paid")
    payment = await till.payment(answer.json()["error"]["metadata"]["payment_id"])
    assert (payment["status"], payment["late_authorized"], payment["error_code"]) == ("captured", True, None)
    assert sorted(till.told()) == ["order.paid", "payment.authorized", "payment.captured", "payment.failed"]


async def test_a_late_second_payment_of_a_paid_order_is_given_back_at_once(till):
    order = await till.order()
    late = (await till.pay(order, LATE, after="0.2")).json()["error"]["metadata"]["payment_id"]
    good = (await till.pay(order)).json()["razorpay_payment_id"]
    await till.until_told("refund.processed")
    payment = await till.payment(late)
    assert (payment["status"], payment["captured"], payment["refund_status"]) == ("refunded", False, "full")
    assert (await till.payment(good))["status"] == "captured"
    told = next(event for event in till.world.shop.events if event["event"] == "refund.processed")
    assert told["payload"]["payment"]["entity"]["captured"] is False
    assert (await till.do(till.sdk.order.fetch, order["id"]))["amount_paid"] == 5000


async def test_of_two_authorized_payments_only_one_can_be_captured(till):
    order = await till.order(payment_capture=False)
    late = (await till.pay(order, LATE)).json()["error"]["metadata"]["payment_id"]
    good = (await till.pay(order)).json()["razorpay_payment_id"]
    await till.world.until(lambda: till.told().count("payment.authorized") == 2)
    await till.do(till.sdk.payment.capture, good, 5000, {"currency": "INR"})
    with pytest.raises(BadRequestError, match="the order is already paid"):
        await till.do(till.sdk.payment.capture, late, 5000, {"currency": "INR"})
    assert (await till.payment(late))["status"] == "authorized"


async def test_an_order_takes_no_payment_once_it_is_paid_or_while_one_is_authorized(till):
    paid, held = await till.order(), await till.order()
    await till.pay(paid)
    await till.pay(held, HELD)
    for order, words in ((paid, "the order is already paid"), (held, "Payment already done")):
        answer = await till.pay(order)
        assert answer.status_code == 400
        assert words in answer.json()["error"]["description"]
    assert len((await till.truth())["payments"]) == 2


async def test_a_payment_that_is_never_finished_leaves_the_order_untouched(till):
    order = await till.order()
    answer = (await till.pay(order, NEVER)).json()
    assert "razorpay_signature" not in answer
    payment = await till.payment(answer["razorpay_payment_id"])
    assert payment["status"] == "created"
    page = f"http://shop.example/sandbox/razorpay/checkout/{order['id']}"
    assert answer["next"] == [{"action": "redirect", "url": page}]
    assert (await till.do(till.sdk.order.fetch, order["id"]))["status"] == "created"
    assert (await till.pay(order)).status_code == 200


async def test_partial_payments_where_the_order_allows_them(till):
    whole, parts = await till.order(), await till.order(partial_payment=True)
    assert (await till.pay(whole, amount="2000")).status_code == 400
    assert (await till.pay(parts, amount="6000")).status_code == 400
    assert (await till.pay(parts, amount="2000")).status_code == 200
    order = await till.do(till.sdk.order.fetch, parts["id"])
    assert (order["status"], order["amount_paid"], order["amount_due"]) == ("attempted", 2000, 3000)
    await till.pay(parts)
    assert (await till.do(till.sdk.order.fetch, parts["id"]))["status"] == "paid"


async def test_the_checkout_is_a_page_that_posts_the_hand_back_to_the_shop(till):
    order, http = await till.order(receipt="souk-1"), till.world.http
    page = f"/sandbox/razorpay/checkout/{order['id']}?callback_url=http://shop.example/back"
    assert "souk-1" in (await http.get(page)).text
    declined = await http.post(page, data={"card_number": "4100280000060003"})
    assert declined.status_code == 400
    assert "declined by the bank" in declined.text
    assert (await http.post(page, data={"card_number": NEVER})).text.count("not finished") == 1
    paid = (await http.post(page, data={"card_number": "4100280000001007", "cvv": "123"})).text
    assert 'action="http://shop.example/back"' in paid
    assert 'name="razorpay_signature"' in paid
    assert "Nothing to pay" in (await http.get(page)).text
    assert (await http.get("/sandbox/razorpay/checkout/order_none")).status_code == 404


async def test_a_hand_back_is_only_posted_to_a_web_address(till):
    page = f"/sandbox/razorpay/checkout/{(await till.order())['id']}?callback_url=javascript:alert(1)"
    paid = await till.world.http.post(page, data={"card_number": "4100280000001007"})
    assert "javascript" not in paid.text


@pytest.mark.parametrize("form", [{}, {"card_number": ""}, {"card_number": "4100280000001007", "after": "soon"}])
async def test_a_checkout_without_sense_is_refused_and_nothing_is_attempted(till, form):
    url = f"/sandbox/razorpay/checkout/{(await till.order())['id']}"
    answer = await till.world.http.post(url, json=form, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST_ERROR")
    assert (await till.truth())["payments"] == []
