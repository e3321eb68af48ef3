"""The three ways to pay at one till: the payments service in front of both stand-ins."""

from dataclasses import dataclass
from typing import Any

import httpx2

from common.testing import bearer

from .conftest import Json, Street, Till
from .market import RAZORPAY

STRIPE_CARD, RAZORPAY_CARD = "4242424242424242", "4100280000001007"


@dataclass(frozen=True, slots=True)
class Counter:
    """One way to pay; `opening` and `telling` are the dial's names for the calls that open a payment and tell of it."""

    provider: str
    flow: str
    currency: str
    opening: str
    telling: tuple[str, ...]
    paid: str  # the event that tells of the money

    async def open(self, till: Till, **changes: Any) -> Json:
        """An open payment, as `payment.opened` tells of it."""
        fact = till.request(provider=self.provider, flow=self.flow, currency=self.currency, **changes)
        await till.one.hear(fact)
        await till.one.work_loops("open payments")
        told = await till.told("payment.opened")
        return next(data for data in told if data["order_id"] == str(fact.order_id))

    async def pay(self, till: Till, payment: Json) -> Json:
        """The buyer pays, or tries to; what the browser is told."""
        if self.flow == "intent":
            return await till.confirm(payment["provider_ref"])
        url = payment["checkout_url"] or f"/sandbox/razorpay/checkout/{payment['provider_ref']}"
        card = STRIPE_CARD if self.provider == "stripe" else RAZORPAY_CARD
        answer = await till.http.post(url, data={"card_number": card}, headers={"accept": "application/json"})
        return answer.json() if "json" in answer.headers.get("content-type", "") else {}

    async def come_back(self, till: Till, payment: Json, handed: Json) -> httpx2.Response:
        """The browser says that it has paid."""
        if self.provider == "razorpay":
            headers = {**bearer(till.buyer), "prefer": "wait=2"}
            return await till.one.client.post("/payments/verify", json=handed, headers=headers)
        return await till.one.client.get(f"/payments/return/success?payment_id={payment['payment_id']}")

    async def truth(self, till: Till) -> Json:
        """What the provider believes."""
        believed: Json = (await till.http.get("/sandbox/truth")).json()[self.provider]
        return believed

    async def charged(self, till: Till) -> list[Json]:
        """The money that the provider took."""
        truth = await self.truth(till)
        return [thing for thing in truth.get("charges", truth.get("payments")) if thing["captured"]]

    async def refunds(self, till: Till) -> list[Json]:
        """What the provider gave back."""
        given: list[Json] = (await self.truth(till))["refunds"]
        return given

    async def chaos(self, till: Till, mode: str, *operations: str, **more: Any) -> None:
        """Let the provider misbehave in these operations."""
        for operation in operations:
            rule = {"provider": self.provider, "mode": mode, "operation": operation, **more}
            answer = await till.http.put("/sandbox/chaos", json=rule)
            assert answer.status_code == 200, answer.text


INTENT = Counter(
    "stripe", "intent", "USD", "payment_intents.create", ("payment_intents.retrieve",), "payment_intent.succeeded"
)
CHECKOUT = Counter(
    "stripe",
    "checkout",
    "USD",
    "checkout.sessions.create",
    ("checkout.sessions.retrieve", "payment_intents.retrieve"),
    "checkout.session.completed",
)
ORDER = Counter("razorpay", "checkout", "INR", "orders.create", ("orders.fetch", "orders.payments"), "payment.captured")
COUNTERS = {"stripe intent": INTENT, "stripe checkout": CHECKOUT, "razorpay": ORDER}


def both_providers(street: Street) -> dict[str, str]:
    """The environment of a till with all three."""
    return {**RAZORPAY, "RAZORPAY_API_BASE": f"{street.url}/sandbox/razorpay"}
