"""The ways to pay, each by its adapter against the sandbox's stand-in: the hands of buyer, dashboard and mishap."""

import asyncio
import hashlib
import hmac
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from common.events import new_id
from common.money import Money
from payments.providers import Opened, PaymentTerms, Provider, RefundTerms
from payments.providers.razorpay import Razorpay
from payments.providers.razorpay_transport import RazorpayAccess
from payments.providers.stripe import Stripe
from payments.providers.stripe_transport import StripeAccess

Json = dict[str, Any]
STRIPE_KEY, STRIPE_SECRET = "sk_test_souk", "whsec_new"
RAZORPAY_ID, RAZORPAY_SECRET, RAZORPAY_WEBHOOKS = "rzp_test_souk", "the_key_secret", "hook_new"
OLD_SECRET = "hook_old"
RETURN = "https://shop.example/api/v1/payments/return"

_STRIPE_METHODS = {
    "good": "pm_card_visa",
    "declined": "pm_card_visa_chargeDeclined",
    "slow": "pm_usBankAccount_success",
    "slow_failing": "pm_usBankAccount_insufficientFunds",
    "processing": "pm_usBankAccount_processing",
    "pending_refund": "pm_card_pendingRefund",
    "failing_refund": "pm_card_refundFail",
}
_STRIPE_NUMBERS = {
    "good": "4242424242424242",
    "declined": "4000000000000002",
    "slow": "000123456789",
    "slow_failing": "000222222227",
    "processing": "000888888883",
    "pending_refund": "4000000000007726",
    "failing_refund": "4000000000005126",
}
_RAZORPAY_NUMBERS = {
    "good": "4100280000001007",
    "declined": "4100280000060003",
    "held": "4100289900010000",
    "unfinished": "4100289900040007",
    "late": "4100289900030008",
    "pending_refund": "4100289900050006",
    "failing_refund": "4100289900060005",
}


@dataclass
class Letterbox:
    """Takes webhooks as they come: their headers and bytes."""

    letters: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.letters.append(({name.decode(): value.decode() for name, value in scope["headers"]}, body))
        await Response(status_code=200)(scope, receive, send)


class Way(ABC):
    """One way to pay: its adapter, and the hands of the buyer, of the shop's dashboard and of whoever hurts the net."""

    name = ""
    provider_name = ""
    flow = ""
    currency = "USD"
    opens = finds = refunds = ""  # the dial's names for what the calls do

    def __init__(self, street: Any, letters: Letterbox) -> None:
        self.http: httpx2.AsyncClient = street.http
        self.url: str = street.url
        self.letters = letters
        self.adapters: list[Provider] = []
        self.adapter = self.another()

    def another(self, **changes: Any) -> Provider:
        """A further adapter, as another worker would have."""
        self.adapters.append(self.make(**changes))
        return self.adapters[-1]

    @abstractmethod
    def make(self, **changes: Any) -> Provider:
        """An adapter of this way."""

    @abstractmethod
    async def pay(self, opened: Opened, how: str = "good", **more: str) -> Json:
        """The buyer pays, or tries to; what the browser is told."""

    @abstractmethod
    async def api(self, method: str, path: str, given: Json | None = None) -> Json:
        """Ask the stand-in itself, as the dashboard does."""

    @abstractmethod
    async def give_back(self, capture_ref: str, amount: int) -> Json:
        """Refund from the dashboard: nothing of ours is attached."""

    @abstractmethod
    async def made(self) -> list[Json]:
        """What was opened at the provider, as it believes."""

    @abstractmethod
    def sign(self, body: bytes, secret: str | None = None, at: float | None = None) -> dict[str, str]:
        """The headers of a genuine webhook."""

    def terms(self, **changes: Any) -> PaymentTerms:
        """What a payment is opened for."""
        given: Json = {
            "payment_id": new_id(),
            "order_id": new_id(),
            "number": "S-1000",
            "attempt": 1,
            "flow": self.flow,
            "money": Money(2599, self.currency),
            "expires_at": datetime.now(UTC) + timedelta(minutes=30),
            "return_url": RETURN,
            "name": "Ada Lovelace",
            "email": "ada@example.com",
        }
        return PaymentTerms(**(given | changes))

    async def open(self, terms: PaymentTerms | None = None) -> Opened:
        """An open payment."""
        wanted = terms or self.terms()
        return await self.adapter.open(self.adapter.payment_request(wanted), f"pay-{wanted.payment_id}-{new_id().hex}")

    async def paid(self, how: str = "good", **changes: Any) -> tuple[Opened, str]:
        """A paid payment, and its money's id."""
        opened = await self.open(self.terms(**changes))
        await self.pay(opened, how)
        return opened, next(fact.capture_ref for fact in await self.facts(opened, "captured"))

    async def facts(self, opened: Opened, kind: str, seconds: float = 5) -> Any:
        """What the provider says of a payment, as soon as it says something of this kind."""
        async with asyncio.timeout(seconds):
            while True:
                facts = await self.adapter.fetch(opened.ref)
                if kind in [fact.kind for fact in facts]:
                    return [fact for fact in facts if fact.kind == kind]
                await asyncio.sleep(0.05)

    def refund_of(self, capture_ref: str, amount: int | None = 1000) -> RefundTerms:
        """What a refund is made for."""
        money = None if amount is None else Money(amount, self.currency)
        return RefundTerms(refund_id=new_id(), order_id=new_id(), capture_ref=capture_ref, money=money)

    async def refund(self, terms: RefundTerms) -> Any:
        """A refund, by a key of its own."""
        return await self.adapter.refund(self.adapter.refund_request(terms), f"refund-{terms.refund_id}")

    async def refunded(self, capture_ref: str) -> list[Json]:
        """The provider's refunds of some money."""
        truth: list[Json] = (await self.truth())["refunds"]
        return [refund for refund in truth if capture_ref in {refund.get("payment_id"), refund.get("payment_intent")}]

    async def truth(self) -> Json:
        """What the stand-in believes."""
        believed: Json = (await self.http.get("/sandbox/truth")).json()[self.provider_name]
        return believed

    async def chaos(self, mode: str, operation: str, **more: Any) -> None:
        """Let the stand-in misbehave, once unless `count` says otherwise."""
        rule = {"provider": self.provider_name, "mode": mode, "operation": operation, "count": 1, **more}
        answer = await self.http.put("/sandbox/chaos", json=rule)
        assert answer.status_code == 200, answer.text

    async def told(self, *types: str, seconds: float = 5) -> list[tuple[dict[str, str], bytes]]:
        """The webhooks of these types, once one of each has come."""
        async with asyncio.timeout(seconds):
            while True:
                found = [letter for letter in self.letters.letters if _type_of(letter[1]) in types]
                if {_type_of(body) for _, body in found} == set(types):
                    return found
                await asyncio.sleep(0.02)


def _type_of(body: bytes) -> str:
    event = httpx2.Response(200, content=body).json()
    return str(event.get("event") or event.get("type"))


class StripeWay(Way):
    provider_name = "stripe"
    refunds = "refunds.create"

    def make(self, **changes: Any) -> Stripe:
        given = {
            "key": STRIPE_KEY,
            "secrets": (STRIPE_SECRET, OLD_SECRET),
            "api_base": f"{self.url}/sandbox/stripe",
            "timeout": 1.0,
        }
        return Stripe(StripeAccess(**(given | changes)))

    async def api(self, method: str, path: str, given: Json | None = None) -> Json:
        headers = {"authorization": f"Bearer {STRIPE_KEY}"}
        sent: Json = {"params": given} if method == "GET" else {"data": given}
        body: Json = (await self.http.request(method, f"/sandbox/stripe/v1/{path}", headers=headers, **sent)).json()
        return body

    async def give_back(self, capture_ref: str, amount: int) -> Json:
        return await self.api("POST", "refunds", {"payment_intent": capture_ref, "amount": str(amount)})

    def sign(self, body: bytes, secret: str | None = None, at: float | None = None) -> dict[str, str]:
        moment = int(time.time() if at is None else at)
        return {"stripe-signature": f"t={moment},v1={_hmac(f'{moment}.'.encode() + body, secret or STRIPE_SECRET)}"}


class Intent(StripeWay):
    name, flow = "stripe intent", "intent"
    opens, finds = "payment_intents.create", "payment_intents.list"

    async def pay(self, opened: Opened, how: str = "good", **more: str) -> Json:
        method = _STRIPE_METHODS[how]
        return await self.api("POST", f"payment_intents/{opened.ref}/confirm", {"payment_method": method, **more})

    async def made(self) -> list[Json]:
        listed: list[Json] = (await self.truth())["payment_intents"]
        return listed


class Checkout(StripeWay):
    name, flow = "stripe checkout", "checkout"
    opens, finds = "checkout.sessions.create", "checkout.sessions.list"

    async def pay(self, opened: Opened, how: str = "good", **more: str) -> Json:
        typed = {"card_number": _STRIPE_NUMBERS[how], **more}
        answer = await self.http.post(str(opened.checkout_url), data=typed, headers={"accept": "application/json"})
        return answer.json() if answer.headers.get("content-type") == "application/json" else {}

    async def made(self) -> list[Json]:
        listed: list[Json] = (await self.api("GET", "checkout/sessions", {"limit": "100"}))["data"]
        return listed


class RazorpayWay(Way):
    name, provider_name, flow = "razorpay checkout", "razorpay", "checkout"
    currency = "INR"
    opens, finds, refunds = "orders.create", "orders.list", "payments.refund"

    def make(self, **changes: Any) -> Razorpay:
        given = {
            "key_id": RAZORPAY_ID,
            "key_secret": RAZORPAY_SECRET,
            "secrets": (RAZORPAY_WEBHOOKS, OLD_SECRET),
            "api_base": f"{self.url}/sandbox/razorpay",
            "timeout": 1.0,
        }
        return Razorpay(RazorpayAccess(**(given | changes)))

    async def pay(self, opened: Opened, how: str = "good", **more: str) -> Json:
        typed = {"card_number": _RAZORPAY_NUMBERS[how], **more}
        answer = await self.http.post(
            f"/sandbox/razorpay/checkout/{opened.ref}", data=typed, headers={"accept": "application/json"}
        )
        body: Json = answer.json()
        return body

    async def api(self, method: str, path: str, given: Json | None = None) -> Json:
        sent: Json = {"params": given} if method == "GET" else {"json": given}
        answer = await self.http.request(
            method, f"/sandbox/razorpay/v1/{path}", auth=(RAZORPAY_ID, RAZORPAY_SECRET), **sent
        )
        body: Json = answer.json()
        return body

    async def give_back(self, capture_ref: str, amount: int) -> Json:
        return await self.api("POST", f"payments/{capture_ref}/refund", {"amount": amount})

    async def made(self) -> list[Json]:
        listed: list[Json] = (await self.truth())["orders"]
        return listed

    def sign(self, body: bytes, secret: str | None = None, at: float | None = None) -> dict[str, str]:  # noqa: ARG002 - it signs no time
        signature = _hmac(body, secret or RAZORPAY_WEBHOOKS)
        return {"x-razorpay-signature": signature, "x-razorpay-event-id": "evt_of_the_test"}


def _hmac(signed: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


WAYS = {way.name: way for way in (Intent, Checkout, RazorpayWay)}
