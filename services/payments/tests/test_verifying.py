"""The hand-back of a browser from Razorpay: checked, and answered by what Razorpay itself says."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest

from common.events import new_id
from common.testing import bearer

from .coming_back import HELD, at_razorpay, order, pay
from .conftest import Json, Till


@pytest.fixture
async def till(make_till, street) -> Till:
    return await make_till(environ=at_razorpay(street))


async def verify(till: Till, handed: Json, wait: int = 0, user: UUID | None = None) -> httpx2.Response:
    headers = {**bearer(user or till.buyer), "prefer": f"wait={wait}"}
    return await till.one.client.post("/payments/verify", json=handed, headers=headers)


async def test_a_verified_hand_back_is_answered_as_the_provider_says(till) -> None:
    payment = await order(till)
    handed = await pay(till, payment)
    async with till.one.service.running():
        answer = await verify(till, handed, 10)
    assert answer.status_code == 200, answer.text
    assert answer.headers["preference-applied"] == "wait=10"
    shown = answer.json()
    assert (shown["status"], shown["id"], shown["order_id"]) == (
        "succeeded",
        payment["payment_id"],
        payment["order_id"],
    )
    assert shown["number"] == "S-1000"
    again = await verify(till, handed, 10)
    assert (again.status_code, again.json()) == (200, shown)


async def test_a_hand_back_by_itself_changes_nothing(till) -> None:
    payment = await order(till)
    handed = await pay(till, payment)
    answer = await verify(till, handed)
    assert answer.json()["status"] == "open"
    assert await till.told("payment.succeeded") == []
    await till.one.work_loops("poll payments")
    assert (await verify(till, handed)).json()["status"] == "succeeded"


async def test_money_that_is_held_is_waited_for_and_said_to_be_on_its_way(till) -> None:
    handed = await pay(till, await order(till), HELD)
    async with till.one.service.running():
        answer = await verify(till, handed, 2)
    assert (answer.status_code, answer.json()["status"]) == (200, "authorized")


@pytest.mark.parametrize("field", ["razorpay_order_id", "razorpay_payment_id", "razorpay_signature"])
async def test_a_hand_back_that_razorpay_did_not_sign_is_refused(till, field) -> None:
    handed = await pay(till, await order(till))
    for wrong in ("x", "é", "0" * 64, handed[field][::-1]):
        answer = await verify(till, {**handed, field: wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "signature_invalid")
    assert (await till.rows("SELECT looked_at FROM payments"))[0]["looked_at"] is None


async def test_a_hand_back_is_three_texts_and_nothing_else(till) -> None:
    handed = await pay(till, await order(till))
    less = {name: value for name, value in handed.items() if name != "razorpay_signature"}
    for body in (
        less,
        {**handed, "status": "paid"},
        {**handed, "razorpay_order_id": 1},
        {},
        {**handed, "razorpay_payment_id": ""},
    ):
        assert (await verify(till, body)).status_code == 422


async def test_another_users_payment_is_not_verified_nor_an_unknown_one(till) -> None:
    handed = await pay(till, await order(till))
    assert (await verify(till, handed, user=new_id())).status_code == 404
    assert (await till.one.client.post("/payments/verify", json=handed)).status_code == 401
    await till.rows("UPDATE payments SET provider_ref = 'order_another'")
    assert (await verify(till, handed)).status_code == 404


async def test_without_razorpay_nothing_is_verified(make_till) -> None:
    till = await make_till()
    fields = {"razorpay_order_id": "order_1", "razorpay_payment_id": "pay_1", "razorpay_signature": "0" * 64}
    answer = await verify(till, fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "provider_not_configured")


async def test_no_connection_is_held_while_waiting(make_till, street) -> None:
    till = await make_till(environ={**at_razorpay(street), "DATABASE_POOL": "2"})
    handed = await pay(till, await order(till), HELD)
    waiting = [asyncio.create_task(verify(till, handed, 2)) for _ in range(20)]
    await asyncio.sleep(0.7)
    pool: Any = till.one.database.engine.pool
    assert pool.checkedout() == 0
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
