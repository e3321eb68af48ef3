"""The JSON of payments' API."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from common.http import Page
from common.http.fields import Id, MoneyOut, Strict, Time, TimeOut
from common.money import Money
from payments.domain import Status
from payments.models import Capture, Payment, Refund


class PaymentPage(Page):
    """Which payments to list."""

    order_id: Annotated[Id | None, Field(description="Only those of this order")] = None
    status: Status | None = None
    provider: Annotated[str | None, Field(pattern="^[a-z]{1,40}$")] = None
    created_from: Annotated[Time | None, Field(description="Only those made then or later")] = None
    created_to: Annotated[Time | None, Field(description="Only those made before")] = None


Given = Annotated[str, Field(min_length=1, max_length=255)]


class HandBack(Strict):
    """What Razorpay's checkout hands the browser once it was paid: all three, as they are."""

    razorpay_order_id: Given
    razorpay_payment_id: Given
    razorpay_signature: Given


class PaymentOut(BaseModel):
    """A payment."""

    id: Id
    order_id: Id
    number: str
    attempt: int
    provider: str
    flow: str
    status: str
    amount: MoneyOut
    provider_ref: str | None
    captured_at: TimeOut | None
    created_at: TimeOut

    @classmethod
    def of(cls, payment: Payment) -> "PaymentOut":
        """Return a payment as JSON."""
        return cls(
            id=payment.id,
            order_id=payment.order_id,
            number=payment.number,
            attempt=payment.attempt,
            provider=payment.provider,
            flow=payment.flow,
            status=payment.status,
            amount=MoneyOut.of(payment.money),
            provider_ref=payment.provider_ref,
            captured_at=payment.captured_at,
            created_at=payment.created_at,
        )


class CaptureOut(BaseModel):
    """Money that came: the order's own (`accepted`), or more than was to be paid or other than asked for."""

    capture_ref: str
    amount: MoneyOut
    status: str
    captured_at: TimeOut

    @classmethod
    def of(cls, capture: Capture) -> "CaptureOut":
        """Return money that came as JSON."""
        money = MoneyOut.of(Money(capture.amount, capture.currency))
        return cls(
            capture_ref=capture.capture_ref, amount=money, status=capture.status, captured_at=capture.captured_at
        )


class RefundOut(BaseModel):
    """Money that goes back."""

    id: Id
    capture_ref: str
    amount: MoneyOut
    status: str
    reason: str

    @classmethod
    def of(cls, refund: Refund) -> "RefundOut":
        """Return a refund as JSON."""
        return cls(
            id=refund.id,
            capture_ref=refund.capture_ref,
            amount=MoneyOut.of(refund.money),
            status=refund.status,
            reason=refund.reason,
        )


class PaymentShown(PaymentOut):
    """A payment with the money that came of it and what goes back."""

    captures: list[CaptureOut]
    refunds: list[RefundOut]

    @classmethod
    def whole(cls, payment: Payment, captures: Sequence[Capture], refunds: Sequence[Refund]) -> "PaymentShown":
        """Return a payment with its money as JSON."""
        return cls(
            **PaymentOut.of(payment).model_dump(),
            captures=[CaptureOut.of(capture) for capture in captures],
            refunds=[RefundOut.of(refund) for refund in refunds],
        )


class WebhookTaken(BaseModel):
    """The webhook is stored."""

    received: bool = True
