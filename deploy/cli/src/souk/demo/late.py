"""The scenes of the demo about time: orders nobody pays, and money that comes after all."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from souk.client import Json
from souk.demo.shop import Shop
from souk.demo.shopper import check
from souk.demo.stage import note

_SOON: Final = 60


@dataclass(frozen=True, slots=True)
class Unpaid:
    """Orders that were left unpaid: for good, until there is still stock, and until there is none."""

    never: Json
    late: Json
    too_late: Json


async def left_unpaid(shop: Shop) -> Unpaid:
    """Order and walk away; the last scenes look what became of it."""
    shop.scene("Three orders that nobody pays yet: a mug, a poster, all of a print")
    never = await shop.shopper.order((shop.of("physical", "USD"), 1))
    late = await shop.shopper.order((shop.of("physical", "INR"), 1), way="razorpay:checkout")
    pieces = max(int(shop.scarce["stock"]), 1)
    too_late = await shop.shopper.order((shop.scarce, pieces), way="razorpay:checkout")
    return Unpaid(never, late, too_late)


async def endings(shop: Shop, left: Unpaid) -> None:
    """Play what time brings, unless that would take too long."""
    seconds = (datetime.fromisoformat(left.too_late["expires_at"]) - datetime.now(UTC)).total_seconds()
    if seconds > _SOON:
        await _called_off(shop, left)
        return
    await _expired(shop, left, max(seconds, 0))
    await _late(shop, left.late)
    await _too_late(shop, left.too_late)


async def _called_off(shop: Shop, left: Unpaid) -> None:
    shop.scene("What nobody paid is called off: here orders outlive a demo")
    for order in (left.never, left.late, left.too_late):
        await shop.shopper.client.post(f"/orders/{order['id']}/cancel", {}, wait=10)
        await shop.shopper.until(order, "cancelled")


async def _expired(shop: Shop, left: Unpaid, seconds: float) -> None:
    """The till is closed before the shelf is freed."""
    shop.scene(f"The unpaid orders expire: first the till is closed, then the stock is free ({seconds:.0f} s)")
    await asyncio.sleep(seconds)
    for order in (left.never, left.late, left.too_late):
        await shop.shopper.until(order, "expired")
    at_stripe = await shop.shopper.tills.intent(left.never)
    note(f"the intent at Stripe: {at_stripe}; Razorpay closes no orders, so theirs are watched")
    check(at_stripe == "canceled", f"the intent is {at_stripe} at Stripe")


async def _late(shop: Shop, order: Json) -> None:
    """Late money buys what is still there."""
    shop.scene("Late money: the expired poster is paid after all, and there is still one")
    await shop.shopper.tills.window(order)
    await shop.shopper.until(order, "paid")


async def _too_late(shop: Shop, order: Json) -> None:
    """Late money goes back when what it would buy is gone."""
    shop.scene("Too late: the expired prints are paid too, but one has been sold")
    another = await shop.shopper.order((shop.scarce, 1))
    note(f"card: {await shop.shopper.tills.card(another)}")
    await shop.shopper.until(another, "paid")
    await shop.shopper.tills.window(order)
    seen = await shop.shopper.until(order, "refunded")
    check(seen["refunded"] == seen["total"], "not all of it went back")
    await shop.mailed(order, "money is on its way back to you")
