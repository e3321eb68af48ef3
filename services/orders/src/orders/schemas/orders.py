"""Orders as JSON: what is asked for, and how it is shown."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from common.http import Page
from common.http.fields import Currency, Id, Line, Metadata, MoneyIn, MoneyOut, Quantity, Strict, TimeOut
from common.money import Money
from common.sealed import Opener
from orders.domain import PaymentStatus, Status
from orders.models import Line as LineRow
from orders.models import Order

_MOST_LINES = 100
_MOST_PIECES = 10_000


class ItemIn(Strict):
    """A product, which of its variants where it is sold in several, and how many of it."""

    product_id: Id
    variant_id: Id | None = None
    quantity: Quantity


class PaymentIn(Strict):
    """How the buyer wants to pay."""

    provider: Literal["stripe", "razorpay"]
    flow: Literal["intent", "checkout"] = "intent"


class Refund(Strict):
    """Why all of an order's money is to go back."""

    reason: Annotated[Line, Field(min_length=1, max_length=200)]


class PlaceOrder(Strict):
    """What to buy; prices come from the catalogue, `expected_total` guards against a change since they were shown.

    `currency` chooses among the currencies in which everything has a price; without it, it is the products' own.
    """

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=_MOST_LINES)]
    payment: PaymentIn
    currency: Currency | None = None
    expected_total: MoneyIn | None = None
    metadata: Annotated[Metadata, Field(default_factory=dict)]

    @model_validator(mode="after")
    def _sums_fit(self) -> Self:
        if any(quantity > _MOST_PIECES for quantity in self.quantities().values()):
            raise PydanticCustomError("quantity", "at most 10000 pieces of one product")
        return self

    def quantities(self) -> dict[tuple[UUID, UUID | None], int]:
        """Return the quantity of each product and variant, lines of the same added up."""
        summed: dict[tuple[UUID, UUID | None], int] = {}
        for item in self.items:
            wanted = item.product_id, item.variant_id if item.variant_id != item.product_id else None
            summed[wanted] = summed.get(wanted, 0) + item.quantity
        return summed


class Ship(Strict):
    """Shipping the physical lines."""

    tracking: Annotated[Line, Field(min_length=1, max_length=200)] | None = None


class OrdersPage(Page):
    """Which orders to list."""

    status: Status | None = None


class LineOut(BaseModel):
    """A line with its frozen price."""

    id: UUID
    product_id: UUID
    variant_id: UUID | None
    kind: str
    name: str
    quantity: int
    unit_price: MoneyOut
    total: MoneyOut
    delivered_at: TimeOut | None

    @classmethod
    def of(cls, line: LineRow, currency: str) -> Self:
        """Return a line as JSON."""
        price = Money(line.unit_price, currency)
        return cls(
            id=line.id,
            product_id=line.product_id,
            variant_id=line.variant_id,
            kind=line.kind,
            name=line.name,
            quantity=line.quantity,
            unit_price=MoneyOut.of(price),
            total=MoneyOut.of(price.times(line.quantity)),
            delivered_at=line.delivered_at,
        )


class PrefillOut(BaseModel):
    """Whose checkout it is, as far as it is known."""

    name: str | None = None
    email: str | None = None


class RazorpayOut(BaseModel):
    """The options of Razorpay's browser checkout; `amount` is in Razorpay's own units."""

    order_id: str
    key_id: str
    amount: int
    currency: str
    prefill: PrefillOut


class PaymentOut(BaseModel):
    """The current payment attempt; `client_secret`, `checkout_url` and `razorpay` only for the buyer."""

    id: UUID
    attempt: int
    provider: str
    flow: str
    status: str
    client_secret: str | None = None
    checkout_url: str | None = None
    razorpay: RazorpayOut | None = None


class OrderOut(BaseModel):
    """An order as it stands."""

    model_config = ConfigDict(json_schema_extra={"description": "An order as it stands."})

    id: UUID
    number: str
    status: Status
    payment_status: PaymentStatus
    reason: str | None
    total: MoneyOut
    refunded: MoneyOut
    items: list[LineOut]
    payment: PaymentOut | None
    expires_at: TimeOut
    metadata: dict[str, str]
    created_at: TimeOut

    @classmethod
    def of(cls, order: Order, opener: Opener | None = None) -> Self:
        """Return an order as JSON; for its buyer with what is needed to pay it, for which the secret is opened."""
        fields: dict[str, Any] = {
            "id": order.id,
            "number": order.number,
            "status": order.status,
            "payment_status": order.payment_status,
            "reason": order.end_reason,
            "total": MoneyOut.of(order.price),
            "refunded": MoneyOut(amount=order.refunded, currency=order.currency),
            "items": [LineOut.of(line, order.currency) for line in order.lines],
            "payment": _payment(order, opener),
            "expires_at": order.expires_at,
            "metadata": order.details,
            "created_at": order.created_at,
        }
        return cls(**fields)


def _payment(order: Order, opener: Opener | None) -> PaymentOut | None:
    if order.payment_id is None:
        return None
    payment = PaymentOut(
        id=order.payment_id,
        attempt=order.attempt,
        provider=order.provider,
        flow=order.flow,
        status=order.payment_state or "intended",
    )
    if opener is not None:
        payment.client_secret = opener.open(order.client_secret) if order.client_secret else None
        payment.checkout_url, payment.razorpay = order.checkout_url, _razorpay(order)
    return payment


def _razorpay(order: Order) -> RazorpayOut | None:
    if order.razorpay is None:
        return None
    who = order.customer
    return RazorpayOut(**order.razorpay, prefill=PrefillOut(name=who.name, email=who.email) if who else PrefillOut())
