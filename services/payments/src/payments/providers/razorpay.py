"""Razorpay: payments as orders that its browser checkout pays, by the official SDK."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from common.money import to_razorpay
from payments.domain import ProviderFact
from payments.errors import Refused
from payments.providers import Content, Notice, Opened, PaymentTerms, RefundTerms
from payments.providers.razorpay_events import notices, read_event, read_notice
from payments.providers.razorpay_facts import NAME, belongs_to, order_facts, refund_fact
from payments.providers.razorpay_signature import check_webhook, handed_back_order
from payments.providers.razorpay_transport import RazorpayAccess, Transport
from payments.providers.reading import Json, documented, one_header, our_id
from payments.providers.unheard import Unheard
from payments.settings import PaymentsSettings

Facts = tuple[ProviderFact, ...]
_PAGE: Final = 100
_CLOCKS_APART: Final = timedelta(minutes=5)
_MONEY: Final = frozenset({"authorized", "captured"})


def configured(settings: PaymentsSettings) -> "Razorpay | None":
    """Return the adapter, None without credentials."""
    if settings.razorpay_key_id is None or settings.razorpay_key_secret is None:
        return None
    access = RazorpayAccess(
        key_id=settings.razorpay_key_id,
        key_secret=settings.razorpay_key_secret.get_secret_value(),
        secrets=settings.razorpay_webhook_secrets,
        api_base=settings.razorpay_api_base,
        timeout=settings.provider_timeout.total_seconds(),
    )
    return Razorpay(access)


class Razorpay:
    """The adapter. It connects when it is first used.

    Razorpay knows no keys for orders. What makes opening safe to repeat is the receipt, which is our payment's id: it
    is looked for before an order is made, and `unique_receipt` has Razorpay itself answer a repeat with the first order
    (razorpay.com/docs/payments/payment-gateway/s2s-integration/test-s2s/best-practices/retries-and-idempotency).
    """

    name = NAME
    flows = frozenset({"checkout"})

    def __init__(self, access: RazorpayAccess) -> None:
        self._access = access
        self.livemode = access.livemode
        self._unheard = Unheard(NAME)
        self._connected: Transport | None = None

    def payment_request(self, terms: PaymentTerms) -> str:
        order = {
            "amount": to_razorpay(terms.money),
            "currency": terms.money.currency,
            "receipt": terms.payment_id.hex,
            "unique_receipt": True,
            "partial_payment": False,
            "payment_capture": True,
            "notes": {
                "payment_id": str(terms.payment_id),
                "order_id": str(terms.order_id),
                "attempt": str(terms.attempt),
            },
        }
        return orjson.dumps(order).decode()

    def refund_request(self, terms: RefundTerms) -> str:
        body: Json = {"notes": {"refund_id": str(terms.refund_id), "order_id": str(terms.order_id)}}
        # Razorpay's units are ISO's, and its own minimum for refunds is its to check.
        amount = {"amount": terms.money.amount} if terms.money else {}
        return orjson.dumps({"payment_id": terms.capture_ref, "body": body | amount}).decode()

    async def open(self, request: str, key: str) -> Opened:  # noqa: ARG002 - the receipt is the key
        wanted = orjson.loads(request)
        payment_id = UUID(wanted["receipt"])
        found = await self._made_before(payment_id, {})
        if found is not None:
            return found
        try:
            return await self._create(wanted)
        except Refused as error:
            if "unique_receipt" in str(error):  # not every country's API knows it: the look before must do
                return await self._create({name: wanted[name] for name in wanted if name != "unique_receipt"})
            found = await self._made_before(payment_id, {})
            if found is None:
                raise
            return found

    async def find(self, payment_id: UUID, since: datetime) -> Opened | None:
        return await self._made_before(payment_id, {"from": _seconds(since - _CLOCKS_APART)})

    async def fetch(self, ref: str) -> Facts:
        order = await self._ask(lambda client: client.order.fetch(ref))
        payments = await self._ask(lambda client: client.order.payments(ref))
        with documented("order with its payments"):
            return order_facts(order, payments["items"], livemode=self.livemode)

    async def close(self, ref: str) -> Facts:
        facts = await self.fetch(ref)
        if any(fact.kind in _MONEY for fact in facts):
            return facts
        declined = tuple(fact for fact in facts if fact.kind == "declined")
        now = datetime.now(UTC).replace(microsecond=0)
        return (*declined, replace(facts[-1], kind="left_open", at=now, try_ref="", reason=""))

    async def refund(self, request: str, key: str) -> ProviderFact:
        wanted = orjson.loads(request)
        ref, body = wanted["payment_id"], wanted["body"]
        refund_id = our_id(body["notes"], "refund_id")
        assert refund_id is not None
        # Test mode is not known to honour keys, so what was made before is looked for: first, and again when another is
        # refused, because the first call may have done its work meanwhile.
        found = await self.find_refund(refund_id, ref)
        if found is not None:
            return found
        try:
            made = await self._ask(
                lambda client: client.payment.refund(ref, body, headers={"X-Refund-Idempotency": key})
            )
        except Refused:
            found = await self.find_refund(refund_id, ref)
            if found is None:
                raise
            return found
        return self._refund(made)

    async def find_refund(self, refund_id: UUID, capture_ref: str) -> ProviderFact | None:
        async for page in self._pages(
            lambda client, asked: client.payment.fetch_multiple_refund(capture_ref, asked), {}
        ):
            for refund in page:
                if our_id(refund.get("notes"), "refund_id") == refund_id:
                    return self._refund(refund)
        return None

    async def fetch_refund(self, ref: str) -> ProviderFact:
        return self._refund(await self._ask(lambda client: client.refund.fetch(ref)))

    async def events_since(self, since: datetime) -> AsyncIterator[Sequence[Notice]]:
        now = datetime.now(UTC)
        span = {"from": _seconds(since - _CLOCKS_APART), "to": _seconds(now + _CLOCKS_APART)}
        async for page in self._pages(lambda client, asked: client.payment.all(asked), span):
            with documented("list of payments"):
                yield notices("payment", page)
        async for page in self._pages(lambda client, asked: client.refund.all(asked), span):
            with documented("list of refunds"):
                yield notices("refund", page)

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:  # noqa: ARG002 - it signs no time
        if not self._access.secrets:
            self._unheard.refused()
        check_webhook(body, one_header(headers, "x-razorpay-signature"), self._access.secrets)
        return read_notice(body, headers)

    def parse(self, body: bytes) -> Content:
        return read_event(body, livemode=self.livemode)

    def handed_back(self, fields: Mapping[str, str]) -> str:
        return handed_back_order(fields, self._access.key_secret)

    async def disconnect(self) -> None:
        if self._connected is not None:
            self._connected.close()
        self._connected = None

    async def _ask(self, call: Any) -> Json:  # noqa: ANN401 - a call of the SDK's client, which has no types
        if self._connected is None:
            self._connected = Transport(self._access)
        return await self._connected.ask(call)

    async def _create(self, wanted: Json) -> Opened:
        return self._opened(await self._ask(lambda client: client.order.create(wanted)))

    async def _made_before(self, payment_id: UUID, span: Json) -> Opened | None:
        """Return the oldest order made for a payment."""
        asked = {"receipt": payment_id.hex, "count": _PAGE, **span}
        listed = await self._ask(lambda client: client.order.all(asked))
        with documented("list of orders"):
            made = [order for order in listed["items"] if belongs_to(order, payment_id)]
            return self._opened(min(made, key=lambda order: order.get("created_at", 0))) if made else None

    def _opened(self, order: Json) -> Opened:
        with documented("order"):
            return Opened(
                ref=order["id"],
                razorpay={
                    "order_id": order["id"],
                    "key_id": self._access.key_id,
                    "amount": order["amount"],
                    "currency": order["currency"],
                },
                facts=order_facts(order, (), livemode=self.livemode),
            )

    def _refund(self, refund: Json) -> ProviderFact:
        with documented("refund"):
            return refund_fact(refund, datetime.now(UTC), livemode=self.livemode)

    async def _pages(self, call: Any, span: Json) -> AsyncIterator[list[Json]]:  # noqa: ANN401 - as above, with parameters
        seen: set[str] = set()
        skip = 0
        while True:
            asked = {"count": _PAGE, "skip": skip, **span}
            listed = await self._ask(lambda client, asked=asked: call(client, asked))
            with documented("list"):
                page = listed["items"]
                new = {thing["id"] for thing in page} - seen
            # Whoever counts pages otherwise ends them short, or gives the same ones again.
            if not new:
                return
            yield page
            seen |= new
            skip += len(page)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
