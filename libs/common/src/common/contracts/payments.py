"""What payments tells: facts learned from the providers, in our words. All facts of one order share its partition."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from common.contracts.orders import Flow, Provider
from common.events import Event
from common.money import Money
from common.sealed import Sealed

# What became of money that came: the order's, too much, or not what was asked for.
Capture = Literal["accepted", "surplus", "mismatched"]


class RazorpayCheckout(BaseModel):
    """What Razorpay's browser checkout needs; `amount` is in Razorpay's own units."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_id: str
    key_id: str
    amount: int
    currency: str


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
    razorpay: RazorpayCheckout | None = None


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


class PaymentSurplus(Event, wire="payment.surplus", subject="payment_id", partition="order_id"):
    """Money came for an order that has its money: it is given back at once, as `refund_id`."""

    payment_id: UUID
    order_id: UUID
    number: str
    user_id: UUID
    attempt: int
    provider: Provider
    amount: Money
    capture_ref: str
    refund_id: UUID


class RefundSucceeded(Event, wire="refund.succeeded", subject="refund_id", partition="order_id"):
    """Money went back to the buyer: of the order's own capture, or of one that it never kept."""

    refund_id: UUID
    payment_id: UUID
    order_id: UUID
    amount: Money
    reason: str
    capture: Capture = "accepted"


class RefundFailed(Event, wire="refund.failed", subject="refund_id", partition="order_id"):
    """The provider could not give the money back, or it came back to us; an operator must see to it."""

    refund_id: UUID
    payment_id: UUID
    order_id: UUID
    amount: Money
    reason: str
    capture: Capture = "accepted"


class WebhookReceived(Event, wire="webhook.received", subject="delivery_id", heard=False):
    """A verified webhook is stored; its content is applied by itself."""

    delivery_id: UUID
    provider: Provider
    event_ref: str
    type: str
    body_sha256: str
