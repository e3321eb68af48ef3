"""Orders, their lines and steps. A status changes only in the methods here."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from common.contracts.orders import Flow, Provider
from common.db import EnumText, now
from common.events import new_id
from common.money import Money
from orders.domain import (
    REFUND_MOVES,
    Attempt,
    AttemptState,
    PaymentStatus,
    RefundState,
    Status,
    current_of,
    may_move,
)
from orders.errors import OrderMovedOn
from orders.models.copies import Customer
from orders.models.tables import Base


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
    variant_id: Mapped[UUID | None] = mapped_column(default=None)
    seller_id: Mapped[UUID | None] = mapped_column(default=None)
    licence: Mapped[str | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)

    @property
    def total(self) -> int:
        """What all its pieces cost."""
        return self.unit_price * self.quantity


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
    payment_state: Mapped[AttemptState | None] = mapped_column(EnumText(AttemptState), default=None)
    client_secret: Mapped[str | None] = mapped_column(default=None)
    checkout_url: Mapped[str | None] = mapped_column(default=None)
    razorpay: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), default=None)
    other_attempts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default_factory=list)
    closing_into: Mapped[Status | None] = mapped_column(EnumText(Status), default=None)
    refund_id: Mapped[UUID | None] = mapped_column(default=None)
    refunded: Mapped[int] = mapped_column(BigInteger, default=0)
    refunds: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    end_reason: Mapped[str | None] = mapped_column(default=None)
    customer: Mapped[Customer | None] = relationship(
        primaryjoin=lambda: foreign(Order.user_id) == Customer.user_id, lazy="joined", viewonly=True, init=False
    )

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
        self.status = to
        self.end_reason = None if to == Status.PAID else reason or self.end_reason
        if to in {Status.PAID, Status.REJECTED, Status.EXPIRED, Status.CANCELLED, Status.REFUNDED}:
            self.due_at = None
        return step

    def note(self) -> "Transition":
        """Return the record of a step that changes no status."""
        self.version += 1
        return Transition(order_id=self.id, version=self.version, came_from=self.status, went_to=self.status, at=now())

    @property
    def attempts(self) -> dict[int, Attempt]:
        """All attempts to pay, by number; the row's own columns are the current one."""
        if not self.attempt:
            return {}
        state = self.payment_state or AttemptState.INTENDED
        current = Attempt(
            number=self.attempt,
            provider=self.provider,
            flow=self.flow,
            state=state,
            payment_id=self.payment_id,
            declined=self.payment_status == PaymentStatus.FAILED,
            client_secret=self.client_secret,
            checkout_url=self.checkout_url,
            razorpay=self.razorpay,
        )
        return {each.number: each for each in (*map(Attempt.read, self.other_attempts), current)}

    def attempt_of(self, number: int) -> Attempt:
        """Return one attempt."""
        return self.attempts.get(number) or Attempt(number=number, provider=self.provider, flow=self.flow)

    def keep_attempt(self, attempt: Attempt) -> None:
        """Keep what became of an attempt; which of them is current follows from all."""
        known = {**self.attempts, attempt.number: attempt}
        current = current_of(known.values())
        self.attempt, self.provider, self.flow = current.number, current.provider, current.flow  # type: ignore[assignment]
        self.payment_id, self.payment_state = current.payment_id, current.state
        self.client_secret, self.checkout_url = current.client_secret, current.checkout_url
        self.razorpay = current.razorpay
        others = [known[number].kept() for number in sorted(known) if number != current.number]
        if others != self.other_attempts:
            self.other_attempts = others
        self._settle_money(current.money)

    def ask_for_payment(self, provider: str, flow: str) -> int:
        """Begin another attempt and return its number."""
        number = max(self.attempts, default=0) + 1
        self.keep_attempt(Attempt(number=number, provider=provider, flow=flow))
        return number

    @property
    def has_money(self) -> bool:
        """Whether a capture was accepted for the order."""
        return self.payment_state == AttemptState.SUCCEEDED

    @property
    def closed(self) -> bool:
        """Whether payments has told of every attempt that no money is expected of it."""
        return all(attempt.ended for attempt in self.attempts.values())

    def _settle_money(self, status: PaymentStatus) -> None:
        if status == PaymentStatus.SUCCEEDED and self.given_back:
            whole = self.given_back >= self.total
            status = PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
        elif status == PaymentStatus.FAILED and self.payment_status == PaymentStatus.REFUNDED:
            return  # a mismatched payment that was given back
        self.payment_status = status

    def pay_nothing(self) -> None:
        """There was nothing to pay."""
        self.payment_status = PaymentStatus.SUCCEEDED

    def close(self, into: Status, within: timedelta) -> "Transition":
        """Begin to end unpaid: the payment is closed at the provider first."""
        step = self.move(Status.CLOSING)
        self.closing_into, self.due_at = into, now() + within
        return step

    def wait_for_money(self, until: datetime) -> None:
        """Suspend the expiry while the buyer's bank takes its time."""
        self.due_at = until

    @property
    def given_back(self) -> int:
        """How much of the order's own money went back."""
        return sum(each["amount"] for each in self._succeeded() if each["own"])

    @property
    def held(self) -> int:
        """How much of the order's own money is here."""
        return max(self.total - self.given_back, 0) if self.has_money else 0

    @property
    def refund_under_way(self) -> bool:
        """Whether a refund was asked for whose outcome is not known."""
        return any(each["state"] == RefundState.ASKED for each in self.refunds.values())

    def ask_for_refund(self, refund_id: UUID) -> Money:
        """Note that all the money that is here is to go back; return how much that is."""
        amount = self.held
        self.refund_id = refund_id
        self.refunds = {**self.refunds, str(refund_id): {"amount": amount, "state": RefundState.ASKED, "own": True}}
        return Money(amount, self.currency)

    def note_refund(self, refund_id: UUID, amount: int, state: RefundState, *, own: bool) -> bool:
        """Note what became of a refund of the order's own money or of other; False when that is late or repeated.

        The refund that comes back to us after it had succeeded is taken off what was given back.
        """
        known = self.refunds.get(str(refund_id))
        if state not in REFUND_MOVES[known and RefundState(known["state"])]:
            return False
        self.refunds = {**self.refunds, str(refund_id): {"amount": amount, "state": state, "own": own}}
        self.refunded = sum(each["amount"] for each in self._succeeded())
        if state == RefundState.FAILED and self.refund_id == refund_id:
            self.refund_id = None
        if own:
            self._settle_money(PaymentStatus.SUCCEEDED)
        elif self.closed and not self.has_money:
            back = any(True for _ in self._succeeded())
            self.payment_status = PaymentStatus.REFUNDED if back else PaymentStatus.FAILED
        return True

    def _succeeded(self) -> Iterator[dict[str, Any]]:
        return (each for each in self.refunds.values() if each["state"] == RefundState.SUCCEEDED)

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
