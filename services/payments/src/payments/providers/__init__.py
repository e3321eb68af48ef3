"""What every payment provider can do for us: the contract its adapter keeps."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypedDict
from uuid import UUID

from common.money import Money
from payments.domain import ProviderFact


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTerms:
    """What a payment is opened for."""

    payment_id: UUID
    order_id: UUID
    number: str
    attempt: int
    flow: str
    money: Money
    expires_at: datetime
    return_url: str
    name: str | None
    email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundTerms:
    """What a refund is made for: `capture_ref` is the money that came; no amount means all of it that is left."""

    refund_id: UUID
    order_id: UUID
    capture_ref: str
    money: Money | None


class RazorpayCheckout(TypedDict):
    """What Razorpay's browser checkout needs; `amount` in Razorpay's own units."""

    order_id: str
    key_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A payment the provider has opened: its id, what the buyer needs, and what the provider says of it."""

    ref: str
    client_secret: str | None = None
    checkout_url: str | None = None
    razorpay: RazorpayCheckout | None = None
    facts: tuple[ProviderFact, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A webhook's or a listed event's identity and its bytes."""

    event_ref: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What an event says: facts, or why it says nothing to us; `alarm` where an operator should look."""

    facts: tuple[ProviderFact, ...] = ()
    ignored: str | None = None
    alarm: bool = False


class Provider(Protocol):
    """A payment provider.

    Every call raises UnknownOutcome when the answer does not tell what happened (NotAllowed when our credentials are
    refused) and Refused when the provider refuses for good. Requests are text: the very same text is the same request.
    """

    name: str
    flows: frozenset[str]
    livemode: bool

    def payment_request(self, terms: PaymentTerms) -> str:
        """Return the parameters that open a payment; raises NotChargeable."""
        ...

    def refund_request(self, terms: RefundTerms) -> str:
        """Return the parameters that make a refund."""
        ...

    async def open(self, request: str, key: str) -> Opened:
        """Open a payment: once per key, however often it is called."""
        ...

    async def find(self, payment_id: UUID, since: datetime) -> Opened | None:
        """Look for a payment that was opened since then, by our id."""
        ...

    async def fetch(self, ref: str) -> Sequence[ProviderFact]:
        """Return what the provider says of a payment now."""
        ...

    async def close(self, ref: str) -> Sequence[ProviderFact]:
        """Close a payment unless money moves already; return what came of it: `left_open` where it cannot be closed."""
        ...

    async def refund(self, request: str, key: str) -> ProviderFact:
        """Give money back: once per key, however often it is called."""
        ...

    async def find_refund(self, refund_id: UUID, capture_ref: str) -> ProviderFact | None:
        """Look for a refund of a capture, by our id."""
        ...

    async def fetch_refund(self, ref: str) -> ProviderFact:
        """Return what the provider says of a refund now."""
        ...

    def events_since(self, since: datetime) -> AsyncIterator[Sequence[Notice]]:
        """Yield what the provider lists of what has happened since, page by page, each as a webhook would tell it."""
        ...

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """Return the identity of a webhook that is genuine; raises SignatureInvalid or MalformedWebhook."""
        ...

    def parse(self, body: bytes) -> Content:
        """Return what a genuine event says; raises Unreadable."""
        ...

    def handed_back(self, fields: Mapping[str, str]) -> str:
        """Return which payment (by the provider's id) a browser was handed back for; raises SignatureInvalid."""
        ...

    async def disconnect(self) -> None:
        """Close the connections."""
        ...
