"""Refunds and what happened to them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from common.db import now
from common.events import new_id
from common.loops import Leased
from common.money import Money
from payments.domain import REFUND_MOVES, RefundStatus
from payments.models.customers import Base


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


class Refund(Leased, Base):
    """Money to give back of one capture, once.

    Orders asks for it, the system itself (`system`) where nothing was owed, or somebody made it at the provider.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("provider", "provider_ref"),
        CheckConstraint("amount > 0", name="amount"),
        Index("uq_refunds_system", "provider", "capture_ref", unique=True, postgresql_where=text("system")),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    order_id: Mapped[UUID]
    provider: Mapped[str]
    capture_ref: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    reason: Mapped[str]
    correlation_id: Mapped[str]
    traceparent: Mapped[str | None] = mapped_column(default=None)
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
