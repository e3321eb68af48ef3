"""Payments, what happened to them, and the money that came."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from common.db import now
from common.events import new_id
from common.loops import Leased
from common.money import Money
from payments.domain import LIVE, LOOK_PAUSE, MOVES, CaptureStatus, ProviderFact, Status
from payments.models.customers import Base

_LIVE = "status IN ({})".format(", ".join(f"'{status}'" for status in sorted(LIVE)))


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


class Payment(Leased, Base):
    """One attempt to take the money of an order.

    `request` holds the very parameters of the call that opens it, written before the first call and repeated unchanged
    with `idempotency_key`; `called_at` is when that key was first used. `closing` says why it is to be closed.
    `waits_for` is the earlier attempt that must have ended before this one may begin. `tried_at` is when the provider
    last refused a try, `superseded_at` when it was left open at a provider that cannot close it, and `looked_at` from
    when on the provider was last to be asked because somebody says that it was paid.
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("order_id", "attempt"),
        UniqueConstraint("provider", "provider_ref"),
        CheckConstraint("amount > 0", name="amount"),
        Index("uq_payments_live", "order_id", unique=True, postgresql_where=text(f"{_LIVE} AND waits_for IS NULL")),
        Index("ix_payments_waits_for", "waits_for", postgresql_where=text("waits_for IS NOT NULL")),
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
    traceparent: Mapped[str | None] = mapped_column(default=None)
    idempotency_key: Mapped[str | None] = mapped_column(default=None)
    request: Mapped[str | None] = mapped_column(default=None)
    called_at: Mapped[datetime | None] = mapped_column(default=None)
    polls: Mapped[int] = mapped_column(default=0)
    closing: Mapped[str | None] = mapped_column(default=None)
    waits_for: Mapped[UUID | None] = mapped_column(default=None)
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)
    tried_at: Mapped[datetime | None] = mapped_column(default=None)
    looked_at: Mapped[datetime | None] = mapped_column(default=None)
    capture_ref: Mapped[str | None] = mapped_column(default=None)
    captured_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)

    @property
    def money(self) -> Money:
        """What is to be paid."""
        return Money(self.amount, self.currency)

    def is_meant_by(self, fact: ProviderFact) -> bool:
        """Say whether a provider's fact is about this payment: about what it was opened as, or the money inside it."""
        if self.provider != fact.provider or fact.subject not in {None, self.id} or self.provider_ref is None:
            return False
        inside = fact.subject is not None and (self.provider, self.flow) == ("stripe", "checkout")
        return inside or fact.object_ref == self.provider_ref

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
        if wanted not in LIVE | {Status.MISMATCHED}:
            # Whoever asks the provider just now has lost the lease: it may neither leave one behind nor come again.
            self.done()
            self.closing = self.waits_for = None
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

    def wait_for(self, earlier: "Payment") -> None:
        """Begin only when an earlier attempt has ended."""
        self.waits_for, self.due_at = earlier.id, None

    def release(self) -> None:
        """Begin now: nothing can come of the earlier attempt any more, or it is at least no longer asked for."""
        self.waits_for, self.due_at = None, now()

    def be_watched(self) -> None:
        """Note that it stays open at the provider: money may still come, and is looked for."""
        self.superseded_at, self.polls, self.due_at = now(), 0, now()

    def look(self) -> None:
        """Have the provider asked at once, or a moment after it was last asked so.

        Whoever asks it already began too early to know, and loses the lease.
        """
        moment = now()
        self.looked_at = max(moment, self.looked_at + LOOK_PAUSE) if self.looked_at else moment
        self.again(self.looked_at)
        self.polls = self.attempts = 0

    @property
    def will_be_asked(self) -> bool:
        """Whether the provider is to be asked anyway, now or in a moment, and nobody has begun to."""
        moment = now()
        if self.looked_at is not None and self.looked_at > moment:
            return True
        return self.lease is None and self.polls == 0 and self.due_at is not None and self.due_at <= moment

    @property
    def is_looked_for(self) -> bool:
        """Whether the provider has not answered yet since it was to be asked at once."""
        return self.due_at is not None and self.polls == 0

    def capture(self, capture_ref: str, at: datetime) -> None:
        """Note the first money that came of it."""
        self.capture_ref, self.captured_at = capture_ref, at


class Capture(Base):
    """Money that a provider took for an order, once per `capture_ref`: an order keeps one such row as accepted."""

    __tablename__ = "captures"
    __table_args__ = (
        UniqueConstraint("provider", "capture_ref"),
        CheckConstraint("amount > 0", name="amount"),
        Index("uq_captures_accepted", "order_id", unique=True, postgresql_where=text("status = 'accepted'")),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    order_id: Mapped[UUID]
    provider: Mapped[str]
    capture_ref: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(default=CaptureStatus.ACCEPTED)
    captured_at: Mapped[datetime] = mapped_column(default_factory=now)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
