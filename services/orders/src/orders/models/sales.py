"""The sellers' journal."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from common.db import EnumText
from common.events import new_id
from orders.domain import SaleKind
from orders.models.tables import Base


class SaleEntry(Base):
    """What befell a line, written once and never changed: sold, money given back, a download.

    `amount` is what was taken, or what went back of it; that is negative where it came back to us. `quantity` is how
    many pieces were sold, were taken back, or were downloaded. A line whose seller was not known has none.
    """

    __tablename__ = "sale_entries"
    __table_args__ = (
        CheckConstraint("kind IN ('sold', 'refunded', 'downloaded')", name="kind"),
        Index("ix_sale_entries_seller_id_at", "seller_id", "at"),
        Index("ix_sale_entries_at", "at"),
        Index("uq_sale_entries_sold", "line_id", unique=True, postgresql_where="kind = 'sold'"),
    )

    seller_id: Mapped[UUID | None]
    product_id: Mapped[UUID]
    variant_id: Mapped[UUID | None]
    order_id: Mapped[UUID]
    line_id: Mapped[UUID]
    kind: Mapped[SaleKind] = mapped_column(EnumText(SaleKind))
    quantity: Mapped[int]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    at: Mapped[datetime]
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
