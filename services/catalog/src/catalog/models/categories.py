"""The tree of categories."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.models.tables import Base
from common.db import now
from common.events import new_id


class Category(Base, kw_only=True):
    """A branch of the tree; `path` is the names from the root to here: `Prints/Framed`."""

    __tablename__ = "categories"
    __table_args__ = (
        UniqueConstraint("path"),
        Index("ix_categories_path_prefix", "path", postgresql_ops={"path": "text_pattern_ops"}),
        Index("ix_categories_parent_id", "parent_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    name: Mapped[str]
    path: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
