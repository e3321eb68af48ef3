"""What payments tells: facts learned from the providers, in our words. All facts of one order share its partition."""

from datetime import datetime
from uuid import UUID

from common.contracts.orders import Flow, Provider
from common.events import Event
from common.money import Money
from common.sealed import Sealed


class PaymentOpened(Event, wire="payment.opened", subject="payment_id", partition="order_id"):
    """The provider waits for the buyer; `client_secret` is sealed for orders."""

    payment_id: UUID
    order_id: UUID
    attempt: int
    provider: Provider
    flow: Flow
    amount: Money
    provider_ref: str
    client_secret: Sealed[str] | None = None
    checkout_url: str | None = None


class PaymentProcessing(Event, wire="payment.processing", subject="payment_id", partition="order_id"):
    """The buyer has paid by a way that takes its time."""

    payment_id: UUID
    order_id: UUID
    attempt: int


class PaymentSucceeded(Event, wire="payment.succeeded", subject="payment_id", partition="order_id"):
    """The order's money is captured: the one capture accepted for it."""

    payment_id: UUID
    order_id: UUID
    attempt: int
    provider: Provider
    amount: Money
    capture_ref: str
    captured_at: datetime


class PaymentFailed(Event, wire="payment.failed", subject="payment_id", partition="order_id"):
    """One try failed; `final` says that the provider refused the payment itself: nothing more can come of it."""

    payment_id: UUID
    order_id: UUID
    attempt: int
    reason: str
    try_ref: str
    final: bool


class PaymentCancelled(Event, wire="payment.cancelled", subject="payment_id", partition="order_id"):
    """The payment is closed at the provider: no money can come of it."""

    payment_id: UUID
    order_id: UUID
    attempt: int
    reason: str


class PaymentMismatched(Event, wire="payment.mismatched", subject="payment_id", partition="order_id"):
    """The provider's amount, currency or account is not the payment's: it counts as unpaid and is given back."""

    payment_id: UUID
    order_id: UUID
    attempt: int
    expected: Money
    found: Money


class RefundSucceeded(Event, wire="refund.succeeded", subject="refund_id", partition="order_id"):
    """Money went back to the buyer."""

    refund_id: UUID
    payment_id: UUID
    order_id: UUID
    amount: Money
    reason: str


class RefundFailed(Event, wire="refund.failed", subject="refund_id", partition="order_id", heard=False):
    """The provider could not give the money back; an operator must."""

    refund_id: UUID
    payment_id: UUID
    order_id: UUID
    amount: Money
    reason: str


class WebhookReceived(Event, wire="webhook.received", subject="delivery_id", heard=False):
    """A verified webhook is stored; its content is applied by itself."""

    delivery_id: UUID
    provider: Provider
    event_ref: str
    type: str
    body_sha256: str
