"""What the providers said, as they said it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from common.db import now
from common.events import new_id
from common.loops import Leased
from payments.domain import EventStatus
from payments.models.customers import Base

_WAITS = text("status IN ('foreign', 'unmatched')")


class ProviderEvent(Leased, Base):
    """An event as the provider sent it, or listed it: kept byte for byte, applied by itself."""

    __tablename__ = "provider_events"
    __table_args__ = (
        UniqueConstraint("provider", "event_ref"),
        Index("ix_provider_events_unmatched", "object_ref", postgresql_where=_WAITS),
        Index("ix_provider_events_heard", "provider", "received_at", postgresql_where=text("origin = 'webhook'")),
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
        """File it: nothing more to do, unless what it speaks of is heard of one day."""
        self.status, self.last_error = status, note
        self.done()

    def wait(self, until: datetime) -> None:
        """Try again until its object is known."""
        self.status = EventStatus.UNMATCHED
        self.again(until, "no object of ours yet")


class Cursor(Leased, Base):
    """Up to when a provider's own list of events has been read."""

    __tablename__ = "provider_cursors"

    id: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
