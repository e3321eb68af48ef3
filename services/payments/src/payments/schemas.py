"""The JSON of payments' API."""

from typing import Annotated

from pydantic import BaseModel, Field

from common.http import Page
from common.http.fields import Id, MoneyOut, TimeOut
from payments.models import Payment


class PaymentPage(Page):
    """Which payments to list."""

    order_id: Annotated[Id | None, Field(description="Only those of this order")] = None


class PaymentOut(BaseModel):
    """A payment."""

    id: Id
    order_id: Id
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
