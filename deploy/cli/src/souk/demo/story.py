"""The scenes of the demo, in the order they are played."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import httpx2

from souk.client import Client, Json
from souk.demo.shopper import DemoFailed, Shopper
from souk.demo.stage import note, step

_SOON = 60


@dataclass(slots=True)
class Shop:
    """What the scenes play with."""

    shopper: Shopper
    admin: Client
    http: httpx2.AsyncClient
    sandbox: str
    products: Sequence[Json]

    def of(self, kind: str, currency: str, place: int = 0) -> Json:
        """Return a product of a kind in a currency."""
        found = [p for p in self.products if (p["kind"], p["price"]["currency"]) == (kind, currency)]
        return found[place]

    @property
    def scarce(self) -> Json:
        """The product with the fewest pieces."""
        return min((p for p in self.products if p["stock"] is not None), key=lambda p: int(p["stock"]))


async def left_unpaid(shop: Shop) -> Json:
    """Order and walk away; the last scene looks what became of it."""
    step("1. An order that nobody pays")
    return await shop.shopper.order((shop.of("physical", "USD", 1), 1))


async def images(shop: Shop) -> None:
    """Images: paid, delivered at once."""
    step("2. Two images, paid by card")
    order = await shop.shopper.order((shop.of("digital", "USD"), 1), (shop.of("digital", "USD", 1), 1))
    note(f"card: {await shop.shopper.pay(order)}")
    await shop.shopper.until(order, "fulfilled")


async def parcel(shop: Shop) -> None:
    """A thing with stock: paid, then shipped by an operator."""
    step("3. A mug and an image; the mug is shipped")
    order = await shop.shopper.order((shop.of("physical", "USD", 1), 2), (shop.of("digital", "USD", 2), 1))
    note(f"card: {await shop.shopper.pay(order)}")
    order = await shop.shopper.until(order, "paid")
    await shop.admin.post(f"/orders/{order['id']}/ship", {"tracking": "1Z 999 AA1"})
    await shop.shopper.until(order, "fulfilled")


async def currencies(shop: Shop) -> None:
    """Yen have no decimals, dinars have three."""
    step("4. In yen, rupees and dinars")
    for currency in ("JPY", "INR", "KWD"):
        order = await shop.shopper.order((shop.of("digital", currency), 1))
        await shop.shopper.pay(order)
        await shop.shopper.until(order, "fulfilled")


async def declined(shop: Shop) -> None:
    """A declined card ends nothing."""
    step("5. A declined card, then one that works")
    order = await shop.shopper.order((shop.of("digital", "USD"), 1))
    note(f"card: {await shop.shopper.pay(order, 'pm_card_chargeDeclined')}")
    await shop.shopper.until_so(order, lambda seen: seen["payment_status"] == "failed", "told of the decline")
    note(f"card: {await shop.shopper.pay(order)}")
    await shop.shopper.until(order, "fulfilled")


async def double_click(shop: Shop) -> None:
    """One Idempotency-Key, one order."""
    step("6. Five clicks on the button")
    key = str(uuid4())
    first = await shop.shopper.order((shop.of("digital", "USD"), 1), key=key)
    clicks = [await shop.shopper.order((shop.of("digital", "USD"), 1), key=key, wait=0) for _ in range(4)]
    if {order["id"] for order in clicks} != {first["id"]}:
        raise DemoFailed("one Idempotency-Key made several orders")
    await shop.shopper.pay(first)
    await shop.shopper.until(first, "fulfilled")


async def too_many(shop: Shop) -> None:
    """More than there is cannot be had."""
    scarce = shop.scarce
    step(f"7. {int(scarce['stock']) + 1} pieces of what there are {scarce['stock']} of")
    order = await shop.shopper.order((scarce, int(scarce["stock"]) + 1))
    await shop.shopper.until(order, "rejected")


async def silence(shop: Shop) -> None:
    """No webhook is needed, only faster."""
    step("8. Every webhook is lost; the poller finds the money")
    rule = {"provider": "stripe", "target": "webhook", "operation": None, "mode": "drop", "share": 1.0}
    await shop.http.put(f"{shop.sandbox}/chaos", json=rule)
    try:
        order = await shop.shopper.order((shop.of("digital", "USD", 1), 1))
        note(f"card: {await shop.shopper.pay(order)}; no webhook is sent")
        await shop.shopper.until(order, "fulfilled")
    finally:
        await shop.http.delete(f"{shop.sandbox}/chaos")


async def expiry(shop: Shop, unpaid: Json) -> None:
    """The till is closed before the shelf is freed."""
    left = (datetime.fromisoformat(unpaid["expires_at"]) - datetime.now(UTC)).total_seconds()
    step(
        f"9. The unpaid order expires: its intent is cancelled at Stripe, then its stock is free ({max(left, 0):.0f} s)"
    )
    if left > _SOON:
        note("it still has time; this shop's ORDER_EXPIRES_AFTER is longer than a demo")
        return
    await asyncio.sleep(max(left, 0))
    await shop.shopper.until(unpaid, "expired")


SCENES = (images, parcel, currencies, declined, double_click, too_many, silence)
