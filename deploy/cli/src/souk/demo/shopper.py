"""The customer of the demo: buys through the API, pays with the stock Stripe SDK."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import stripe

from souk.client import Client, Json
from souk.demo.stage import money, note

PATIENCE = 30.0


class DemoFailed(Exception):  # noqa: N818 - the audience reads its sentence
    """Something did not happen as it should."""


class Shopper:
    """A customer with an account and two cards: one that works, one that is declined."""

    def __init__(self, client: Client, stripe_base: str) -> None:
        self.client = client
        addresses: Any = {"api": stripe_base}
        self._stripe = stripe.StripeClient("sk_test_demo", base_addresses=addresses, max_network_retries=2)
        self.orders: list[str] = []

    async def order(self, *items: tuple[Json, int], key: str | None = None, wait: int = 10) -> Json:
        """Place an order and return it as the first answer shows it."""
        body = {
            "items": [{"product_id": product["id"], "quantity": quantity} for product, quantity in items],
            "payment": {"provider": "stripe", "flow": "intent"},
        }
        order = await self.client.post("/orders", body, key=key or str(uuid4()), wait=wait)
        if order["id"] not in self.orders:
            self.orders.append(order["id"])
        note(f"order {order['number']}: {money(order['total'])}, {order['status']}")
        return order

    async def pay(self, order: Json, card: str = "pm_card_visa") -> str:
        """Confirm the order's intent with a test card, as a browser would; return its status or the decline."""
        if not order["payment"]:
            raise DemoFailed(f"order {order['number']} has no payment yet: {order['status']}")
        intent = order["payment"]["client_secret"].split("_secret_")[0]
        try:
            confirm = partial(self._stripe.v1.payment_intents.confirm, intent, {"payment_method": card})
            confirmed = await asyncio.to_thread(confirm)
        except stripe.CardError as error:
            return str(error.code)
        return str(confirmed.status)

    async def until(self, order: Json, *statuses: str) -> Json:
        """Wait until the order is in one of the states; raises DemoFailed when it takes too long."""
        return await self.until_so(order, lambda seen: seen["status"] in statuses, " or ".join(statuses))

    async def until_so(self, order: Json, so: Callable[[Json], bool], words: str) -> Json:
        """Wait until something is true of the order; raises DemoFailed when it takes too long."""
        seen = order
        try:
            async with asyncio.timeout(PATIENCE):
                while not so(seen):
                    await asyncio.sleep(0.1)
                    seen = await self.client.get(f"/orders/{order['id']}")
        except TimeoutError:
            raise DemoFailed(
                f"order {order['number']} is {seen['status']}, not {words}, after {PATIENCE:g} s"
            ) from None
        note(f"order {seen['number']}: {seen['status']}, money {seen['payment_status']}")
        return seen
