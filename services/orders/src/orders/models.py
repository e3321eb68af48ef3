"""Orders' tables. A status changes only in the methods here."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from common.contracts.orders import Flow, Provider
from common.db import Base as CommonBase
from common.db import EnumText, new_metadata, now
from common.events import new_id
from common.money import Money
from orders.domain import PaymentStatus, Status, may_move
from orders.errors import OrderMovedOn


class Base(CommonBase):
    """The base of orders' tables."""

    __abstract__ = True
    metadata = new_metadata()


class Product(Base):
    """Orders' own copy of a product, fed by catalog's events; the highest version wins."""

    __tablename__ = "products"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    kind: Mapped[str]
    name: Mapped[str]
    price_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    active: Mapped[bool]
    image: Mapped[str | None] = mapped_column(default=None)

    @property
    def price(self) -> Money:
        """The price of one piece."""
        return Money(self.price_amount, self.currency)


class Line(Base):
    """One line with its frozen price."""

    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("unit_price >= 0", name="price"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    position: Mapped[int]
    product_id: Mapped[UUID]
    kind: Mapped[str]
    name: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[int] = mapped_column(BigInteger)
    image: Mapped[str | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)


class Order(Base):
    """An order: what was asked for, and where it and its money stand."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("total >= 0", name="total"),
        Index("ix_orders_user_id_id", "user_id", "id"),
        Index("ix_orders_due", "due_at", postgresql_where="due_at IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[UUID]
    total: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    provider: Mapped[Provider] = mapped_column(Text)
    flow: Mapped[Flow] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    lines: Mapped[list[Line]] = relationship(lazy="selectin", order_by=Line.position)
    details: Mapped[dict[str, str]] = mapped_column("metadata", default_factory=dict)
    status: Mapped[Status] = mapped_column(EnumText(Status), default=Status.PENDING)
    payment_status: Mapped[PaymentStatus] = mapped_column(EnumText(PaymentStatus), default=PaymentStatus.NONE)
    version: Mapped[int] = mapped_column(default=1)
    attempt: Mapped[int] = mapped_column(default=0)
    payment_id: Mapped[UUID | None] = mapped_column(default=None)
    payment_state: Mapped[str | None] = mapped_column(default=None)
    client_secret: Mapped[str | None] = mapped_column(default=None)
    checkout_url: Mapped[str | None] = mapped_column(default=None)
    closing_into: Mapped[Status | None] = mapped_column(EnumText(Status), default=None)
    refund_id: Mapped[UUID | None] = mapped_column(default=None)
    refunded: Mapped[int] = mapped_column(BigInteger, default=0)
    end_reason: Mapped[str | None] = mapped_column(default=None)

    @property
    def price(self) -> Money:
        """What the buyer is to pay."""
        return Money(self.total, self.currency)

    def move(self, to: Status, reason: str | None = None) -> "Transition":
        """Go to another state; raises OrderMovedOn when it is not allowed from here."""
        if not may_move(self.status, to):
            raise OrderMovedOn(current=self.status, wanted=to)
        self.version += 1
        step = Transition(order_id=self.id, version=self.version, came_from=self.status, went_to=to, at=now())
        self.status, self.end_reason = to, reason or self.end_reason
        if to in {Status.PAID, Status.REJECTED, Status.EXPIRED, Status.CANCELLED, Status.REFUNDED}:
            self.due_at = None
        return step

    def ask_for_payment(self) -> int:
        """Begin the next payment attempt and return its number."""
        self.attempt += 1
        self.payment_status, self.payment_state = PaymentStatus.PENDING, "intended"
        return self.attempt

    def open_payment(self, payment_id: UUID, client_secret: str | None, checkout_url: str | None) -> None:
        """Note what the buyer needs to pay the current attempt."""
        self.payment_id, self.payment_state = payment_id, "open"
        self.client_secret, self.checkout_url = client_secret, checkout_url

    def note_payment(self, status: PaymentStatus, state: str | None = None) -> None:
        """Note where the money stands; what succeeded stays so until it is refunded."""
        if (
            self.payment_status in {PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED}
            and status != PaymentStatus.REFUNDED
        ):
            return
        self.payment_status, self.payment_state = status, state or self.payment_state

    def close(self, into: Status, within: timedelta) -> "Transition":
        """Begin to end unpaid: the payment is closed at the provider first."""
        step = self.move(Status.CLOSING)
        self.closing_into, self.due_at = into, now() + within
        return step

    def wait_for_money(self, until: datetime) -> None:
        """Suspend the expiry while the buyer's bank takes its time."""
        self.due_at = until

    def ask_for_refund(self, refund_id: UUID) -> None:
        """Note that the money is to go back, once."""
        self.refund_id = refund_id

    def deliver(self, line_ids: set[UUID]) -> bool:
        """Note delivered lines; return whether that was the last of them."""
        for line in self.lines:
            if line.id in line_ids and line.delivered_at is None:
                line.delivered_at = now()
        return all(line.delivered_at for line in self.lines)


class Transition(Base):
    """One move of an order, with the event that told of it."""

    __tablename__ = "order_transitions"
    __table_args__ = (UniqueConstraint("order_id", "version"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    version: Mapped[int]
    came_from: Mapped[Status | None] = mapped_column(EnumText(Status))
    went_to: Mapped[Status] = mapped_column(EnumText(Status))
    at: Mapped[datetime]
    event_id: Mapped[UUID | None] = mapped_column(default=None)
    event_type: Mapped[str | None] = mapped_column(default=None)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
