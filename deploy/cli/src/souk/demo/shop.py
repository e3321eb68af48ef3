"""What the scenes of the demo play with: a customer, an admin, the products and the providers' stand-ins."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from souk.client import Client, Json
from souk.demo.shopper import Shopper, eventually
from souk.demo.stage import step


@dataclass(slots=True)
class Shop:
    """The shop as the scenes find it."""

    shopper: Shopper
    admin: Client
    guest: Client
    http: httpx2.AsyncClient
    sandbox: str
    returning: str
    products: Sequence[Json]
    scenes: int = 0

    def scene(self, title: str) -> None:
        """Announce the next scene."""
        self.scenes += 1
        step(f"{self.scenes}. {title}")

    def of(self, kind: str, currency: str, place: int = 0) -> Json:
        """Return a product of a kind in a currency."""
        found = [p for p in self.products if (p["kind"], p["price"]["currency"]) == (kind, currency)]
        return found[place]

    @property
    def scarce(self) -> Json:
        """The product with the fewest pieces."""
        return min((p for p in self.products if p["stock"] is not None), key=lambda p: int(p["stock"]))

    async def mailed(self, order: Json, words: str) -> None:
        """Wait until the mailbox has such a mail about the order; raises DemoFailed when none comes."""

        async def look() -> Json:
            mails = (await self.http.get(f"{self.sandbox}/mail/messages")).json()
            return {"status": f"{len(mails)} others", "subjects": [mail["subject"] for mail in mails]}

        subject = f"Order {order['number']}: {words}"
        await eventually(look, lambda seen: subject in seen["subjects"], f"no mail says {subject!r}")

    @asynccontextmanager
    async def silent_providers(self) -> AsyncIterator[None]:
        """Lose every webhook for a while."""
        rules = [{"provider": name, "target": "webhook", "mode": "drop"} for name in ("stripe", "razorpay")]
        for rule in rules:
            await self.http.put(f"{self.sandbox}/chaos", json=rule)
        try:
            yield
        finally:
            await self.http.delete(f"{self.sandbox}/chaos")
