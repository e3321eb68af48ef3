"""Payments' tables. A status changes only in the methods here."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base as CommonBase
from common.db import new_metadata, now
from common.events import new_id
from common.loops import Leased
from common.money import Money
from payments.domain import LIVE, MOVES, REFUND_MOVES, EventStatus, RefundStatus, Status

_LIVE = text("status IN ({})".format(", ".join(f"'{status}'" for status in sorted(LIVE))))


class Base(CommonBase):
    """The base of payments' tables."""

    __abstract__ = True
    metadata = new_metadata()


class Customer(Base):
    """Payments' copy of a user's name and address: the only personal data here; the highest version wins."""

    __tablename__ = "customers"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    version: Mapped[int]


class PaymentTransition(Base):
    """One thing that happened to a payment, once: `fact_key` names it, `event_id` is the event that told it."""

    __tablename__ = "payment_transitions"
    __table_args__ = (UniqueConstraint("payment_id", "fact_key"), UniqueConstraint("payment_id", "version"))

    payment_id: Mapped[UUID]
    version: Mapped[int]
    came_from: Mapped[str | None]
    went_to: Mapped[str]
    fact_key: Mapped[str]
    event_id: Mapped[UUID | None] = mapped_column(default=None)
    event_type: Mapped[str | None] = mapped_column(default=None)
    at: Mapped[datetime] = mapped_column(default_factory=now)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)


class RefundTransition(Base):
    """One thing that happened to a refund, once."""

    __tablename__ = "refund_transitions"
    __table_args__ = (UniqueConstraint("refund_id", "went_to"),)

    refund_id: Mapped[UUID]
    version: Mapped[int]
    came_from: Mapped[str | None]
    went_to: Mapped[str]
    event_id: Mapped[UUID | None] = mapped_column(default=None)
    event_type: Mapped[str | None] = mapped_column(default=None)
    at: Mapped[datetime] = mapped_column(default_factory=now)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)


class Payment(Leased, Base):
    """One attempt to take the money of an order.

    `request` holds the very parameters of the call that opens it, written before the first call and repeated unchanged
    with `idempotency_key`; `called_at` is when that key was first used. `closing` says why it is to be closed.
    `tried_at` is when the provider last refused a try.
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("order_id", "attempt"),
        UniqueConstraint("provider", "provider_ref"),
        CheckConstraint("amount > 0", name="amount"),
        Index("uq_payments_live", "order_id", unique=True, postgresql_where=_LIVE),
        Index("ix_payments_user_id_id", "user_id", "id"),
    )

    order_id: Mapped[UUID]
    user_id: Mapped[UUID]
    number: Mapped[str]
    attempt: Mapped[int]
    provider: Mapped[str]
    flow: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    expires_at: Mapped[datetime]
    correlation_id: Mapped[str]
    status: Mapped[str] = mapped_column(default=Status.INTENDED)
    version: Mapped[int] = mapped_column(default=0)
    provider_ref: Mapped[str | None] = mapped_column(default=None)
    livemode: Mapped[bool | None] = mapped_column(default=None)
    idempotency_key: Mapped[str | None] = mapped_column(default=None)
    request: Mapped[str | None] = mapped_column(default=None)
    called_at: Mapped[datetime | None] = mapped_column(default=None)
    polls: Mapped[int] = mapped_column(default=0)
    closing: Mapped[str | None] = mapped_column(default=None)
    tried_at: Mapped[datetime | None] = mapped_column(default=None)
    capture_ref: Mapped[str | None] = mapped_column(default=None)
    captured_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)

    @property
    def money(self) -> Money:
        """What is to be paid."""
        return Money(self.amount, self.currency)

    def may(self, wanted: Status) -> bool:
        """Say whether the payment may go there."""
        return wanted in MOVES[Status(self.status)]

    def move(self, wanted: Status, fact_key: str) -> PaymentTransition:
        """Go there, and return the record of it; raises ValueError for a move that is not allowed."""
        if not self.may(wanted):
            message = f"a payment does not go from {self.status} to {wanted}"
            raise ValueError(message)
        record = self.note(fact_key, wanted)
        self.status = wanted
        if wanted not in LIVE:
            self.forget_request()
        if wanted in {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}:
            # Whoever asks the provider just now has lost the lease: it may neither leave one behind nor come again.
            self.done()
            self.closing = None
        return record

    def note(self, fact_key: str, into: Status | None = None) -> PaymentTransition:
        """Record a fact that may leave the status as it is."""
        self.version += 1
        return PaymentTransition(
            payment_id=self.id,
            version=self.version,
            came_from=self.status if self.version > 1 else None,
            went_to=into or self.status,
            fact_key=fact_key,
        )

    def prepare(self, request: str, key: str, *, livemode: bool) -> None:
        """Fix the parameters and the key of the call that opens it, before the first call."""
        self.request, self.idempotency_key, self.livemode = request, key, livemode
        self.called_at = now()

    def forget_request(self) -> None:
        """Drop the parameters once they cannot be repeated any more: they may name the buyer's address."""
        self.request = None

    def open_as(self, provider_ref: str) -> None:
        """Note the provider's id."""
        self.provider_ref = provider_ref
        self.forget_request()

    def close_for(self, reason: str) -> None:
        """Have it closed at the provider, now."""
        self.closing, self.due_at = reason, now()

    def capture(self, capture_ref: str, at: datetime) -> None:
        """Note the capture that counts."""
        self.capture_ref, self.captured_at = capture_ref, at


class Refund(Leased, Base):
    """Money to give back, once: asked for by orders, or by the system itself (`system`) for what was not owed."""

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("provider", "provider_ref"),
        CheckConstraint("amount > 0", name="amount"),
        Index("uq_refunds_system", "payment_id", unique=True, postgresql_where=text("system")),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    order_id: Mapped[UUID]
    provider: Mapped[str]
    payment_ref: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    reason: Mapped[str]
    correlation_id: Mapped[str]
    system: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(default=RefundStatus.INTENDED)
    version: Mapped[int] = mapped_column(default=0)
    provider_ref: Mapped[str | None] = mapped_column(default=None)
    idempotency_key: Mapped[str | None] = mapped_column(default=None)
    request: Mapped[str | None] = mapped_column(default=None)
    called_at: Mapped[datetime | None] = mapped_column(default=None)
    polls: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)

    @property
    def money(self) -> Money:
        """What goes back."""
        return Money(self.amount, self.currency)

    def may(self, wanted: RefundStatus) -> bool:
        """Say whether the refund may go there."""
        return wanted in REFUND_MOVES[RefundStatus(self.status)]

    def move(self, wanted: RefundStatus) -> RefundTransition:
        """Go there, and return the record of it; raises ValueError for a move that is not allowed."""
        if not self.may(wanted):
            message = f"a refund does not go from {self.status} to {wanted}"
            raise ValueError(message)
        self.version += 1
        record = RefundTransition(refund_id=self.id, version=self.version, came_from=self.status, went_to=wanted)
        self.status = wanted
        if wanted in {RefundStatus.SUCCEEDED, RefundStatus.FAILED}:
            self.done()
        return record

    def prepare(self, request: str, key: str) -> None:
        """Fix the parameters and the key of the call, before the first call."""
        self.request, self.idempotency_key, self.called_at = request, key, now()


class ProviderEvent(Leased, Base):
    """An event as the provider sent it, or listed it: kept byte for byte, applied by itself."""

    __tablename__ = "provider_events"
    __table_args__ = (
        UniqueConstraint("provider", "event_ref"),
        Index("ix_provider_events_unmatched", "object_ref", postgresql_where=text("status = 'unmatched'")),
    )

    provider: Mapped[str]
    event_ref: Mapped[str]
    type: Mapped[str]
    origin: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str]
    status: Mapped[str] = mapped_column(default=EventStatus.STORED)
    object_ref: Mapped[str | None] = mapped_column(default=None)
    received_at: Mapped[datetime] = mapped_column(default_factory=now)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)

    def end(self, status: EventStatus, note: str | None = None) -> None:
        """File it: nothing more to do."""
        self.status, self.last_error = status, note
        self.done()

    def wait(self, object_ref: str, until: datetime) -> None:
        """Keep it until its object is known."""
        self.status, self.object_ref = EventStatus.UNMATCHED, object_ref
        self.again(until, "no object of ours yet")


class Cursor(Leased, Base):
    """Up to when a provider's own list of events has been read."""

    __tablename__ = "provider_cursors"

    id: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
