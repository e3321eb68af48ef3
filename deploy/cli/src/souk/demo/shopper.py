"""The customer of the demo: buys through the API, and waits for what becomes of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

import httpx2

from souk.client import Client, Json
from souk.demo.stage import money, note
from souk.demo.tills import DemoFailed, Tills

# An unhurried system looks at a payment whose webhook is lost after half of this.
PATIENCE: Final = 60.0
_GLANCE: Final = 0.1


class Shopper:
    """A customer with an account, who pays in every way."""

    def __init__(self, client: Client, http: httpx2.AsyncClient, sandbox: str) -> None:
        self.client, self.tills = client, Tills(http, sandbox)
        self.orders: list[str] = []

    async def order(
        self, *items: tuple[Json, int], way: str = "stripe:intent", key: str | None = None, wait: int = 10
    ) -> Json:
        """Place an order and return it as the first answer shows it."""
        body = {
            "items": [{"product_id": product["id"], "quantity": quantity} for product, quantity in items],
            "payment": _way(way),
        }
        order = await self.client.post("/orders", body, key=key or str(uuid4()), wait=wait)
        if order["id"] not in self.orders:
            self.orders.append(order["id"])
        note(f"order {order['number']}: {money(order['total'])}, {order['status']}")
        return order

    async def pay_by(self, order: Json, way: str) -> Json:
        """Ask for another way to pay, and return the order with it."""
        again = await self.client.post(f"/orders/{order['id']}/pay", _way(way), wait=10)
        paying = again["payment"]
        check(_way(way) == {name: paying[name] for name in ("provider", "flow")}, f"it cannot be paid by {way}")
        note(f"order {order['number']}: attempt {paying['attempt']}, {way}, {paying['status']}")
        return again

    async def verify(self, handed_back: Json) -> str:
        """Bring what Razorpay's window handed back, and return where the payment stands then."""
        return str((await self.client.post("/payments/verify", handed_back, wait=10))["status"])

    async def payment(self, payment_id: str) -> Json:
        """Return a payment with its money, as its buyer sees it."""
        return await self.client.get(f"/payments/{payment_id}")

    async def until(self, order: Json, *statuses: str) -> Json:
        """Wait until the order is in one of the states; raises DemoFailed when it takes too long."""
        return await self.until_so(order, lambda seen: seen["status"] in statuses, " or ".join(statuses))

    async def until_so(self, order: Json, so: Callable[[Json], bool], words: str) -> Json:
        """Wait until something is true of the order; raises DemoFailed when it takes too long."""

        async def look() -> Json:
            return await self.client.get(f"/orders/{order['id']}")

        seen = await eventually(look, so, f"order {order['number']} is not {words}")
        note(f"order {seen['number']}: {seen['status']}, money {seen['payment_status']}")
        return seen


async def eventually(look: Callable[[], Awaitable[Json]], so: Callable[[Json], bool], otherwise: str) -> Json:
    """Look again and again until it is so, and return what was seen; raises DemoFailed when it takes too long."""
    seen = await look()
    try:
        async with asyncio.timeout(PATIENCE):
            while not so(seen):
                await asyncio.sleep(_GLANCE)
                seen = await look()
    except TimeoutError:
        raise DemoFailed(f"{otherwise} after {PATIENCE:g} s, but {seen.get('status')}") from None
    return seen


def check(so: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as a sentence
    """Raise DemoFailed where something is not so."""
    if not so:
        raise DemoFailed(otherwise)


def _way(way: str) -> Json:
    provider, _, flow = way.partition(":")
    return {"provider": provider, "flow": flow}
