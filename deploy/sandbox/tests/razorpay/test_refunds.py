"""Refunds: whole, in parts, slow, failing, and never twice under one key."""

import asyncio

import pytest
from razorpay.errors import BadRequestError

PENDING, FAILING, HELD = "4100289900050006", "4100289900060005", "4100289900010000"
BASIC = ("rzp_test_souk", "secret_of_souk")
KEY = "refund-of-order-7"


async def test_a_payment_is_refunded_in_parts_and_then_not_more(till):
    payment = await till.paid()
    first = await till.refund(payment, amount=2000, receipt="r-1", notes={"why": "late"}, speed="optimum")
    assert (first["status"], first["receipt"], first["speed_processed"]) == ("processed", "r-1", "instant")
    after = await till.payment(payment["id"])
    assert (after["status"], after["amount_refunded"], after["refund_status"]) == ("captured", 2000, "partial")
    with pytest.raises(BadRequestError, match="greater than amount captured"):
        await till.refund(payment, amount=3001)
    with pytest.raises(BadRequestError, match=r"at least INR 1\.00"):
        await till.refund(payment, amount=99)
    rest = await till.refund(payment)
    assert rest["amount"] == 3000
    after = await till.payment(payment["id"])
    assert (after["status"], after["amount_refunded"], after["refund_status"]) == ("refunded", 5000, "full")
    with pytest.raises(BadRequestError, match="fully refunded already"):
        await till.refund(payment)
    assert (await till.truth())["orders"][0]["status"] == "paid"


async def test_refunds_are_found_by_every_way_the_sdk_knows(till):
    payment, other = await till.paid(), await till.paid()
    refund = await till.do(till.sdk.refund.create, {"payment_id": payment["id"], "amount": "1000"})
    sdk = till.sdk
    assert await till.do(sdk.refund.fetch, refund["id"]) == refund
    assert (await till.do(sdk.refund.all))["items"] == [refund]
    assert (await till.do(sdk.payment.fetch_multiple_refund, payment["id"]))["items"] == [refund]
    assert (await till.do(sdk.payment.fetch_multiple_refund, other["id"]))["count"] == 0
    assert await till.do(sdk.payment.fetch_refund_id, payment["id"], refund["id"]) == refund
    with pytest.raises(BadRequestError, match="does not exist"):
        await till.do(sdk.payment.fetch_refund_id, other["id"], refund["id"])
    edited = await till.do(sdk.refund.edit, refund["id"], {"notes": {"a": "b"}})
    assert edited["notes"] == {"a": "b"}


@pytest.mark.parametrize("card", [HELD, "4100280000060003"])
async def test_only_captured_payments_are_refunded(till, card):
    with pytest.raises(BadRequestError, match="status should be captured"):
        await till.refund(await till.paid(card))
    with pytest.raises(BadRequestError, match="speed"):
        await till.refund(await till.paid(), speed="warp")


async def test_a_pending_refund_is_processed_later(till):
    payment = await till.paid(PENDING)
    refund = await till.refund(payment)
    assert (refund["status"], refund["acquirer_data"]) == ("pending", {"arn": None})
    await till.until_told("refund.created", "refund.processed")
    refund = await till.do(till.sdk.refund.fetch, refund["id"])
    assert refund["status"] == "processed"
    assert refund["acquirer_data"]["arn"]


async def test_a_refund_that_fails_gives_the_payment_its_money_again(till):
    payment = await till.paid(FAILING)
    refund = await till.refund(payment)
    assert (await till.payment(payment["id"]))["status"] == "refunded"
    await till.until_told("refund.failed")
    assert (await till.do(till.sdk.refund.fetch, refund["id"]))["status"] == "failed"
    after = await till.payment(payment["id"])
    assert (after["status"], after["amount_refunded"], after["refund_status"]) == ("captured", 0, None)
    assert "refund.processed" not in till.told()


async def test_the_same_key_and_body_give_the_same_refund(till):
    payment = await till.paid()
    first = await till.refund(payment, KEY, amount=1000)
    assert await till.refund(payment, KEY, amount=1000) == first
    with pytest.raises(BadRequestError, match="Different request with the same idempotency key"):
        await till.refund(payment, KEY, amount=2000)
    with pytest.raises(BadRequestError, match="Different request with the same idempotency key"):
        await till.refund(await till.paid(), KEY, amount=1000)
    assert len((await till.truth())["refunds"]) == 1


async def test_a_refused_refund_does_not_use_its_key_up(till):
    payment = await till.paid()
    with pytest.raises(BadRequestError, match="greater than"):
        await till.refund(payment, KEY, amount=9000)
    assert (await till.refund(payment, KEY, amount=1000))["amount"] == 1000


async def test_a_key_in_use_is_a_conflict(till):
    payment = await till.paid()
    rule = {"provider": "razorpay", "operation": "payments.refund", "mode": "delay", "delay": 0.3, "count": 1}
    await till.world.chaos(rule)
    slow = asyncio.create_task(till.refund(payment, KEY))
    await asyncio.sleep(0.15)
    url, headers = f"/sandbox/razorpay/v1/payments/{payment['id']}/refund", {"x-refund-idempotency": KEY}
    answer = await till.world.http.post(url, json={}, headers=headers, auth=BASIC)
    assert answer.status_code == 409
    assert "still in progress" in answer.json()["error"]["description"]
    first = await slow
    assert await till.refund(payment, KEY) == first


@pytest.mark.parametrize(("key", "words"), [("short", "at least 10 characters"), ("with spaces in", "alphanumeric")])
async def test_keys_that_are_no_keys_are_refused(till, key, words):
    with pytest.raises(BadRequestError, match=words):
        await till.refund(await till.paid(), key)
