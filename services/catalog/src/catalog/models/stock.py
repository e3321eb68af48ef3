"""The stock of variants, with its journal."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from catalog.models.tables import Base
from common.db import now
from common.events import new_id


class Stock(Base, kw_only=True):
    """The counted stock of a variant: `on_hand` is free + reserved. A variant without this row is unlimited."""

    __tablename__ = "stock"
    __table_args__ = (
        CheckConstraint("reserved >= 0", name="reserved"),
        CheckConstraint("on_hand >= reserved", name="free"),
    )

    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"), primary_key=True)
    on_hand: Mapped[int] = mapped_column(BigInteger)
    reserved: Mapped[int] = mapped_column(BigInteger, default=0)


class StockEntry(Base, kw_only=True):
    """A line of the stock journal: the deltas of a variant add up to what is on hand."""

    __tablename__ = "stock_entries"
    __table_args__ = (Index("ix_stock_entries_variant_id", "variant_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"))
    delta: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    actor_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None] = mapped_column(default=None)
    at: Mapped[datetime] = mapped_column(default_factory=now)
