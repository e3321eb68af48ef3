"""The scenes of the demo about money: every way to pay, once more, twice, and back."""

from souk.client import Json
from souk.demo.shop import Shop
from souk.demo.shopper import check, eventually
from souk.demo.stage import money, note


async def card(shop: Shop) -> None:
    """A PaymentIntent: the shop's own page asks for the card."""
    shop.scene("Two images, paid by card in the shop (a PaymentIntent at Stripe)")
    order = await shop.shopper.order((shop.of("digital", "USD"), 1), (shop.of("digital", "USD", 1), 1))
    note(f"card: {await shop.shopper.tills.card(order)}")
    await shop.shopper.until(order, "fulfilled")


async def page(shop: Shop) -> None:
    """A Checkout Session: Stripe's page asks for the card, and leads back."""
    shop.scene("An image, paid on Stripe's own page (a Checkout Session)")
    order = await shop.shopper.order((shop.of("digital", "USD", 2), 1), way="stripe:checkout")
    said = await shop.shopper.tills.page(order)
    note(f"led back to: {said}")
    check(said.startswith("Paid "), f"the page does not say that it was paid: {said}")
    await shop.shopper.until(order, "fulfilled")


async def window(shop: Shop) -> None:
    """A Razorpay order: its window hands back what proves nothing until Razorpay is asked."""
    shop.scene("An image, paid in Razorpay's window")
    order = await shop.shopper.order((shop.of("digital", "INR"), 1), way="razorpay:checkout")
    verified = await shop.shopper.verify(await shop.shopper.tills.window(order))
    note(f"handed back to the shop, and Razorpay asked: {verified}")
    check(verified == "succeeded", f"the payment is {verified} after the hand-back")
    await shop.shopper.until(order, "fulfilled")


async def declined(shop: Shop) -> None:
    """A declined card ends nothing."""
    shop.scene("A declined card, then one that works")
    order = await shop.shopper.order((shop.of("digital", "USD"), 1))
    await _decline(shop, order)
    note(f"card: {await shop.shopper.tills.card(order)}")
    await shop.shopper.until(order, "fulfilled")


async def other_provider(shop: Shop) -> None:
    """The other provider is another attempt; the first is closed before."""
    shop.scene("Declined at Stripe, then paid by Razorpay")
    order = await shop.shopper.order((shop.of("digital", "INR", 1), 1))
    await _decline(shop, order)
    again = await shop.shopper.pay_by(order, "razorpay:checkout")
    at_stripe = await shop.shopper.tills.intent(order)
    check(at_stripe == "canceled", f"the first attempt is {at_stripe} at Stripe")
    note(f"Razorpay: {await shop.shopper.verify(await shop.shopper.tills.window(again))}")
    paid = await shop.shopper.until(order, "fulfilled")
    check(paid["payment"]["provider"] == "razorpay", "the order does not show Razorpay's payment")


async def _decline(shop: Shop, order: Json) -> None:
    note(f"card: {await shop.shopper.tills.card(order, 'pm_card_chargeDeclined')}")
    await shop.shopper.until_so(order, lambda seen: seen["payment_status"] == "failed", "told of the decline")


async def twice(shop: Shop) -> None:
    """The first money is the order's; whatever else comes goes back by itself."""
    shop.scene("Paid at Stripe, and once more in Razorpay's window, left open")
    order = await shop.shopper.order((shop.of("digital", "INR"), 1), way="razorpay:checkout")
    again = await shop.shopper.pay_by(order, "stripe:intent")
    note(f"card: {await shop.shopper.tills.card(again)}")
    await shop.shopper.until(order, "fulfilled")
    handed_back = await shop.shopper.tills.window(order)
    note(f"Razorpay: {await shop.shopper.verify(handed_back)}")
    said = await shop.shopper.tills.read(
        f"{shop.returning}/success?razorpay_order_id={handed_back['razorpay_order_id']}"
    )
    note(f"led back to: {said}")
    check(said.startswith("Paid twice"), f"the page does not say that it was paid twice: {said}")
    await _given_back(shop, order["payment"]["id"], "surplus")
    await shop.mailed(order, "you paid twice, and one payment goes back to you")
    seen = await shop.shopper.until(order, "fulfilled")
    check(seen["payment"]["provider"] == "stripe", "the order does not show the first money")
    check(not seen["refunded"]["amount"], "the surplus counts as the order's money")


async def refunded(shop: Shop) -> None:
    """All of it goes back, and the download is taken back."""
    shop.scene("Support gives the money back")
    order = await shop.shopper.order((shop.of("digital", "USD", 1), 1))
    note(f"card: {await shop.shopper.tills.card(order)}")
    await shop.shopper.until(order, "fulfilled")
    await shop.admin.post(f"/orders/{order['id']}/refunds", {"reason": "The picture is too dark."})
    seen = await shop.shopper.until(order, "refunded")
    check(seen["refunded"] == seen["total"], f"the buyer sees {money(seen['refunded'])} refunded")
    await _given_back(shop, order["payment"]["id"], "accepted")
    await shop.mailed(order, "money is on its way back to you")


async def _given_back(shop: Shop, payment_id: str, capture: str) -> None:
    async def look() -> Json:
        return await shop.shopper.payment(payment_id)

    payment = await eventually(
        look, lambda seen: [refund["status"] for refund in seen["refunds"]] == ["succeeded"], "the money is not back"
    )
    came, went = payment["captures"][0], payment["refunds"][0]
    note(f"{payment['provider']}: {money(came['amount'])} came ({came['status']}), {money(went['amount'])} went back")
    check(came["status"] == capture and came["amount"] == went["amount"], "not what came went back")


async def called_off(shop: Shop) -> None:
    """The till is closed before the order ends."""
    shop.scene("A mug, called off by its buyer")
    order = await shop.shopper.order((shop.of("physical", "USD"), 1), way="stripe:checkout")
    await shop.shopper.client.post(f"/orders/{order['id']}/cancel", {}, wait=10)
    await shop.shopper.until(order, "cancelled")
    said = await shop.shopper.tills.page(order)
    note(f"Stripe's page: {said}")
    check("has expired" in said, f"the page still takes money: {said}")
