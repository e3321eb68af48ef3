"""A buyer who pays at either provider, and the browser that comes back from there."""

import asyncio
import re
from typing import Any

import httpx2

from .conftest import Json, Street, Till
from .market import RAZORPAY

GOOD, DECLINED, HELD = "4100280000001007", "4100280000060003", "4100289900010000"


def at_razorpay(street: Street) -> dict[str, str]:
    """The settings of a shop at the stand-in's Razorpay."""
    return {**RAZORPAY, "RAZORPAY_API_BASE": f"{street.url}/sandbox/razorpay"}


async def order(till: Till, **changes: Any) -> Json:
    """An open order at Razorpay, as `payment.opened` tells of it."""
    fact = till.request(provider="razorpay", flow="checkout", currency="INR", **changes)
    await till.one.hear(fact)
    await till.one.work_loops("open payments")
    told = await till.told("payment.opened")
    return next(data for data in told if data["order_id"] == str(fact.order_id))


async def session(till: Till) -> Json:
    """An open Checkout Session at Stripe."""
    await till.one.hear(till.request(flow="checkout"))
    await till.one.work_loops("open payments")
    return (await till.told("payment.opened"))[-1]


async def pay(till: Till, payment: Json, card: str = GOOD) -> Json:
    """The buyer pays; what the browser is handed."""
    url = f"/sandbox/razorpay/checkout/{payment['provider_ref']}"
    answer = await till.http.post(url, data={"card_number": card}, headers={"accept": "application/json"})
    handed: Json = answer.json()
    return handed


async def come_back(till: Till, path: str, *, working: bool = True) -> httpx2.Response:
    """The browser opens the page, while the worker asks the provider."""
    asking = asyncio.create_task(till.one.client.get(f"/payments/return/{path}"))
    while working and not asking.done():
        await till.one.work_loops("poll payments", "close payments")
        await asyncio.sleep(0.02)
    return await asking


def title(answer: httpx2.Response) -> str:
    found = re.search(r"<h1>(.*)</h1>", answer.text)
    assert found is not None
    return found[1]
