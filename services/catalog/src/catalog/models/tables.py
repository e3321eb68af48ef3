"""What catalog's tables have in common, and how a change of a status is recorded."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

import common.db
from common.db import new_metadata, now
from common.events import new_id


class Base(common.db.Base):
    """The base of catalog's tables."""

    __abstract__ = True
    metadata = new_metadata()


class Transition(MappedAsDataclass, kw_only=True):
    """A change of a status, and the event that told of it; a move that tells nothing has no event."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    aggregate_id: Mapped[UUID]
    version: Mapped[int]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    at: Mapped[datetime] = mapped_column(default_factory=now)
    event_id: Mapped[UUID | None] = mapped_column(default=None)
    event_type: Mapped[str | None] = mapped_column(default=None)
