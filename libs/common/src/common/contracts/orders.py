"""What orders tells: the life of an order. No personal data; who bought is an id."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from common.events import Event
from common.money import Money

Provider = Literal["stripe", "razorpay"]
Flow = Literal["intent", "checkout"]


class Line(BaseModel):
    """One line of an order with its frozen price."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    line_id: UUID
    product_id: UUID
    kind: str
    name: str
    quantity: int
    unit_price: Money
    image: str | None = None
    variant_id: UUID | None = None
    licence: str | None = None

    @property
    def sold_as(self) -> UUID:
        """The variant that is bought: a plain product is its own."""
        return self.variant_id or self.product_id


class OrderCreated(Event, wire="order.created", subject="order_id"):
    """A buyer asks for these lines at these prices; unpaid, it ends at `expires_at`."""

    order_id: UUID
    number: str
    user_id: UUID
    lines: list[Line]
    total: Money
    created_at: datetime
    expires_at: datetime


class OrderPaymentRequested(Event, wire="order.payment_requested", subject="order_id"):
    """The stock is reserved: let the buyer pay, as this attempt."""

    order_id: UUID
    number: str
    user_id: UUID
    attempt: int
    provider: Provider
    flow: Flow
    amount: Money
    expires_at: datetime


class OrderRejected(Event, wire="order.rejected", subject="order_id"):
    """The order cannot be supplied and ended unpaid."""

    order_id: UUID
    number: str
    user_id: UUID
    reason: str


class OrderPaid(Event, wire="order.paid", subject="order_id"):
    """The order's money is captured: deliver it."""

    order_id: UUID
    number: str
    user_id: UUID
    payment_id: UUID | None
    lines: list[Line]
    total: Money


class OrderFulfilled(Event, wire="order.fulfilled", subject="order_id", heard=False):
    """Every line is delivered."""

    order_id: UUID
    number: str
    user_id: UUID


class OrderShipped(Event, wire="order.shipped", subject="order_id", heard=False):
    """An operator shipped the physical lines."""

    order_id: UUID
    line_ids: list[UUID]
    tracking: str | None = None


class OrderClosing(Event, wire="order.closing", subject="order_id"):
    """The order is to end unpaid: close its payment at the provider first; `into` is how it will end."""

    order_id: UUID
    attempt: int
    into: Literal["expired", "cancelled"]


class OrderExpired(Event, wire="order.expired", subject="order_id"):
    """The order ended unpaid because its time was up."""

    order_id: UUID
    number: str
    user_id: UUID


class OrderCancelled(Event, wire="order.cancelled", subject="order_id"):
    """The order ended unpaid because it was called off, or paid and could not be supplied (`refunded`)."""

    order_id: UUID
    number: str
    user_id: UUID
    reason: str


class OrderRefundRequested(Event, wire="order.refund_requested", subject="order_id"):
    """Money is to go back to the buyer; `refund_id` makes it happen once."""

    order_id: UUID
    refund_id: UUID
    payment_id: UUID
    amount: Money
    reason: str


class OrderRefunded(Event, wire="order.refunded", subject="order_id"):
    """Money went back: `lines` are taken back with it."""

    order_id: UUID
    number: str
    user_id: UUID
    refund_id: UUID
    amount: Money
    total_refunded: Money
    whole: bool
    reason: str
    lines: list[UUID]
