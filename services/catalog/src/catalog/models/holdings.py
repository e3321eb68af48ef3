"""What orders hold and have bought: holdings with their reservations, and download grants."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.domain import GRANT_MOVES, HOLDING_MOVES, GrantStatus, HoldingStatus, check_move
from catalog.errors import DownloadExpired, DownloadRevoked, DownloadsUsedUp
from catalog.models.tables import Base, Transition
from common.db import now
from common.events import new_id


class HoldingTransition(Transition, Base):
    """A holding changed its status."""

    __tablename__ = "holding_transitions"
    __table_args__ = (UniqueConstraint("aggregate_id", "version"),)


class GrantTransition(Transition, Base):
    """A grant was given or taken back."""

    __tablename__ = "grant_transitions"
    __table_args__ = (UniqueConstraint("aggregate_id", "version"),)


class Holding(Base, kw_only=True):
    """What is held for an order, or why nothing is; `ended` says how the order ended unpaid."""

    __tablename__ = "holdings"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'rejected', 'sold', 'released', 'refused')", name="status"),
        CheckConstraint("ended IS NULL OR status NOT IN ('active', 'sold')", name="ended"),
        Index("ix_holdings_active_expires_at", "expires_at", postgresql_where=text("status = 'active'")),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    status: Mapped[str]
    version: Mapped[int]
    reason: Mapped[str | None]
    ended: Mapped[str | None]
    refunded_whole: Mapped[bool]
    refunded_lines: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def born(self) -> HoldingTransition:
        """Return the record of its first status."""
        return HoldingTransition(
            aggregate_id=self.order_id, version=self.version, from_status=None, to_status=self.status
        )

    def release(self, ended: str) -> HoldingTransition:
        """Let go of everything, for the order ended so."""
        self.ended = ended
        return self._move(HoldingStatus.RELEASED)

    def sell(self) -> HoldingTransition:
        """Make it a sale; late money brings an order back that had ended."""
        self.ended = None
        return self._move(HoldingStatus.SOLD)

    def refuse(self, reason: str) -> HoldingTransition:
        """Note that the paid order cannot be supplied."""
        self.reason = reason
        return self._move(HoldingStatus.REFUSED)

    def take_back(self, lines: Sequence[UUID], *, whole: bool) -> None:
        """Note what was refunded, whether it was delivered yet or not."""
        self.refunded_whole = self.refunded_whole or whole
        self.refunded_lines = [*self.refunded_lines, *(line for line in lines if line not in self.refunded_lines)]

    def is_taken_back(self, line_id: UUID) -> bool:
        """Say whether a line was refunded."""
        return self.refunded_whole or line_id in self.refunded_lines

    def _move(self, status: HoldingStatus) -> HoldingTransition:
        before = HoldingStatus(self.status)
        check_move(HOLDING_MOVES, before, status)
        self.status, self.updated_at = status, now()
        self.version += 1
        return HoldingTransition(aggregate_id=self.order_id, version=self.version, from_status=before, to_status=status)


class Reservation(Base, kw_only=True):
    """The pieces of one variant in a holding; `counted` is False where the stock is unlimited."""

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("status IN ('active', 'sold', 'released')", name="status"),
        Index("ix_reservations_variant_id", "variant_id", "status"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.order_id"), primary_key=True)
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"), primary_key=True)
    kind: Mapped[str]
    quantity: Mapped[int] = mapped_column(BigInteger)
    counted: Mapped[bool]
    status: Mapped[str] = mapped_column(default=HoldingStatus.ACTIVE)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)

    def follow(self, holding: Holding) -> None:
        """Take over its holding's status."""
        check_move(HOLDING_MOVES, HoldingStatus(self.status), HoldingStatus(holding.status))
        self.status, self.updated_at = holding.status, holding.updated_at


class Grant(Base, kw_only=True):
    """A buyer's right to download a digital line: these files, so often (None: any number), until then (None: ever).

    What it grants is as the product was when it was sold.
    """

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("line_id"),
        CheckConstraint("status IN ('granted', 'revoked')", name="status"),
        CheckConstraint("downloads_left >= 0", name="downloads_left"),
        Index("ix_grants_user_id", "user_id", "id"),
        Index("ix_grants_order_id", "order_id"),
        Index("ix_grants_files", "files", postgresql_using="gin", postgresql_where=text("files <> '{}'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    line_id: Mapped[UUID]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.order_id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    user_id: Mapped[UUID]
    name: Mapped[str]
    files: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default_factory=list)
    downloads_used: Mapped[int] = mapped_column(default=0)
    downloads_left: Mapped[int | None] = mapped_column(default=None)
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    licence: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(default=GrantStatus.GRANTED)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)

    @property
    def revoked(self) -> bool:
        """Whether it was taken back."""
        return self.status == GrantStatus.REVOKED

    def use(self) -> None:
        """Count one download. Raises DownloadRevoked, DownloadExpired and DownloadsUsedUp."""
        if self.revoked:
            raise DownloadRevoked
        if self.expires_at is not None and self.expires_at <= now():
            raise DownloadExpired(expired_at=self.expires_at)
        if self.downloads_left == 0:
            raise DownloadsUsedUp(used=self.downloads_used)
        self.downloads_used += 1
        if self.downloads_left is not None:
            self.downloads_left -= 1

    def born(self) -> GrantTransition:
        """Return the record that it was given."""
        return GrantTransition(aggregate_id=self.id, version=self.version, from_status=None, to_status=self.status)

    def revoke(self) -> GrantTransition:
        """Take it back."""
        before = GrantStatus(self.status)
        check_move(GRANT_MOVES, before, GrantStatus.REVOKED)
        self.status, self.updated_at = GrantStatus.REVOKED, now()
        self.version += 1
        return GrantTransition(
            aggregate_id=self.id, version=self.version, from_status=before, to_status=GrantStatus.REVOKED
        )
