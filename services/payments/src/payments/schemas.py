"""The JSON of payments' API."""

from typing import Annotated

from pydantic import BaseModel, Field

from common.http import Page
from common.http.fields import Id, MoneyOut, Strict, TimeOut
from payments.models import Payment


class PaymentPage(Page):
    """Which payments to list."""

    order_id: Annotated[Id | None, Field(description="Only those of this order")] = None


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


class WebhookTaken(BaseModel):
    """The webhook is stored."""

    received: bool = True
