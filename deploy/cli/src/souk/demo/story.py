"""The scenes of the demo about things, several or too many of them, and the order in which all scenes are played."""

from uuid import uuid4

from souk.demo import pictures, ways
from souk.demo.shop import Shop
from souk.demo.shopper import check
from souk.demo.stage import note


async def parcel(shop: Shop) -> None:
    """A thing with stock: paid, then shipped by an operator."""
    shop.scene("A mug and an image; the mug is shipped")
    order = await shop.shopper.order((shop.of("physical", "USD"), 2), (shop.of("digital", "USD", 2), 1))
    note(f"card: {await shop.shopper.tills.card(order)}")
    order = await shop.shopper.until(order, "paid")
    await shop.admin.post(f"/orders/{order['id']}/ship", {"tracking": "1Z 999 AA1"})
    await shop.shopper.until(order, "fulfilled")


async def currencies(shop: Shop) -> None:
    """Yen have no decimals, dinars have three."""
    shop.scene("In yen, rupees and dinars")
    for currency in ("JPY", "INR", "KWD"):
        order = await shop.shopper.order((shop.of("digital", currency), 1))
        await shop.shopper.tills.card(order)
        await shop.shopper.until(order, "fulfilled")


async def double_click(shop: Shop) -> None:
    """One Idempotency-Key, one order."""
    shop.scene("Five clicks on the button")
    key = str(uuid4())
    first = await shop.shopper.order((shop.of("digital", "USD"), 1), key=key)
    clicks = [await shop.shopper.order((shop.of("digital", "USD"), 1), key=key, wait=0) for _ in range(4)]
    check({order["id"] for order in clicks} == {first["id"]}, "one Idempotency-Key made several orders")
    await shop.shopper.tills.card(first)
    await shop.shopper.until(first, "fulfilled")


async def too_many(shop: Shop) -> None:
    """More than there is cannot be had."""
    scarce = shop.scarce
    shop.scene(f"{int(scarce['stock']) + 1} pieces of what there are {scarce['stock']} of")
    order = await shop.shopper.order((scarce, int(scarce["stock"]) + 1))
    await shop.shopper.until(order, "rejected")


async def silence(shop: Shop) -> None:
    """No webhook is needed, only faster."""
    shop.scene("Every webhook is lost; the poller finds the money")
    async with shop.silent_providers():
        first = await shop.shopper.order((shop.of("digital", "USD", 1), 1))
        note(f"card: {await shop.shopper.tills.card(first)}; no webhook is sent")
        second = await shop.shopper.order((shop.of("digital", "INR", 1), 1), way="razorpay:checkout")
        await shop.shopper.tills.window(second)
        note("Razorpay: paid; no webhook is sent, and the browser never comes back")
        for order in (first, second):
            await shop.shopper.until(order, "fulfilled")


PAID = (ways.card, ways.page, ways.window, parcel, pictures.photograph, currencies, double_click)
MEANWHILE = (ways.declined, ways.other_provider, ways.twice, ways.refunded, ways.called_off, too_many, silence)
