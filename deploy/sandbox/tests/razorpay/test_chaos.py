"""The chaos dial on Razorpay, and a memory that survives."""

import asyncio

import httpx2
import pytest
import requests
from razorpay.errors import BadRequestError, GatewayError, ServerError

CREATE = {"provider": "razorpay", "operation": "orders.create"}
PAY = {"provider": "razorpay", "operation": "checkout.pay"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (None, ServerError),
        (503, ServerError),
        (502, GatewayError),
        (429, BadRequestError),
        (409, BadRequestError),
        (400, BadRequestError),
    ],
)
async def test_error_answers_before_anything_is_done(till, status, kind):
    await till.world.chaos({**CREATE, "mode": "error", "count": 1, "status": status})
    with pytest.raises(kind):
        await till.order()
    assert (await till.truth())["orders"] == []
    assert (await till.order())["status"] == "created"


@pytest.mark.parametrize("mode", ["hang", "commit_then_hang"])
async def test_hanging_before_or_after_the_deed(till, mode):
    await till.world.chaos({**CREATE, "mode": mode, "count": 1})
    with pytest.raises(requests.exceptions.ReadTimeout):
        await till.do(till.sdk.order.create, {"amount": 5000, "currency": "INR"}, timeout=0.3)
    assert len((await till.truth())["orders"]) == (mode != "hang")


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        (None, ServerError),
        ("reset", requests.exceptions.ConnectionError),
        ("truncate", requests.exceptions.RequestException),
        ("html", requests.exceptions.JSONDecodeError),
    ],
)
async def test_commit_then_error_does_it_and_answers_rubbish(till, variant, kind):
    await till.world.chaos({**CREATE, "mode": "commit_then_error", "variant": variant, "count": 1})
    with pytest.raises(kind):
        await till.order(receipt="r", unique_receipt=True)
    (kept,) = (await till.truth())["orders"]
    assert (await till.order(receipt="r", unique_receipt=True))["id"] == kept["id"]


async def test_a_refund_whose_answer_is_lost_is_found_under_its_key(till):
    payment = await till.paid()
    await till.world.chaos({**CREATE, "operation": "payments.*", "mode": "commit_then_error", "count": 1})
    with pytest.raises(ServerError):
        await till.refund(payment, "refund-key-1")
    assert (await till.refund(payment, "refund-key-1"))["id"] == (await till.truth())["refunds"][0]["id"]


@pytest.mark.parametrize(
    ("variant", "seen"),
    [
        (None, (5001, "EUR", "7")),
        ("amount", (5001, "INR", "7")),
        ("currency", (5000, "EUR", "7")),
        ("metadata", (5000, "INR", "7-other")),
    ],
)
async def test_tamper_lies_about_what_is_kept(till, variant, seen):
    await till.world.chaos({**CREATE, "mode": "tamper", "variant": variant})
    order = await till.order(notes={"order": "7"})
    assert (order["amount"], order["currency"], order["notes"]["order"]) == seen
    (kept,) = (await till.truth())["orders"]
    assert (kept["amount"], kept["currency"], kept["notes"]) == (5000, "INR", {"order": "7"})


async def test_delay_holds_the_answer_back(till):
    await till.world.chaos({**CREATE, "mode": "delay", "delay": 0.2})
    started = asyncio.get_running_loop().time()
    await till.order()
    assert asyncio.get_running_loop().time() - started >= 0.2


async def test_the_customer_may_have_paid_and_never_hear_of_it(till):
    await till.world.chaos({**PAY, "mode": "commit_then_error", "variant": "reset", "count": 1})
    order = await till.order()
    with pytest.raises(httpx2.TransportError):
        await till.pay(order)
    await till.until_told("order.paid")
    assert "already paid" in (await till.pay(order)).json()["error"]["description"]


async def test_everything_is_remembered_across_a_restart(tmp_path, open_till, tills):
    nowhere = {"razorpay": "http://127.0.0.1:9/"}
    state = tmp_path / "sandbox.db"
    async with open_till(state, webhook_targets=nowhere, webhook_retry_delays=(0.1,) * 99, settle_after=0.4) as world:
        till = tills(world)
        late = (await till.pay(await till.order(), "4100289900030008")).json()["error"]["metadata"]["payment_id"]
        payment = await till.paid("4100289900050006")
        refund = await till.refund(payment, "refund-key-1")
        till.sdk.session.close()
    async with open_till(state) as world:
        till = tills(world)
        with world.sandbox._store.transaction() as db:
            db.execute("UPDATE webhook_deliveries SET url = ?", (world.settings.webhook_targets["razorpay"],))
        assert await till.refund(payment, "refund-key-1") == refund
        await till.until_told("refund.processed", "payment.failed")
        await world.until(lambda: till.told().count("order.paid") == 2)
        assert (await till.payment(late))["status"] == "captured"
        till.sdk.session.close()
