"""Products with their prices, and their stock with its journal."""

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, composite, mapped_column

from catalog.domain import PRODUCT_MOVES, ProductStatus, check_move
from catalog.errors import ProductNoLongerSold
from catalog.models.tables import Base, Transition
from common.db import now
from common.events import new_id
from common.money import Money


class ProductTransition(Transition, Base):
    """A product began or ceased to be sold; `version` is the product's."""

    __tablename__ = "product_transitions"
    __table_args__ = (UniqueConstraint("aggregate_id", "version"),)


class Changes(TypedDict, total=False):
    """What may be changed of a product."""

    name: str
    description: str
    price: Money
    category: str | None
    tags: list[str]
    images: list[str]
    metadata: dict[str, str]


class Product(Base, kw_only=True):
    """Something a seller sells; its stock, where it is counted, is a row of its own that orders contend for."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("kind IN ('physical', 'digital', 'credits', 'pass')", name="kind"),
        CheckConstraint("amount BETWEEN 0 AND 1000000000000", name="amount"),
        Index("ix_products_active_kind", "kind", "id", postgresql_where=text("active")),
        Index("ix_products_active_category", "category", "id", postgresql_where=text("active")),
        Index("ix_products_active_seller", "seller_id", "id", postgresql_where=text("active")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    seller_id: Mapped[UUID]
    kind: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    price: Mapped[Money] = composite(mapped_column("amount", BigInteger), mapped_column("currency", Text))
    category: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    images: Mapped[list[str]] = mapped_column(ARRAY(Text))
    notes: Mapped[dict[str, str]] = mapped_column("metadata")
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)

    def born(self) -> ProductTransition:
        """Return the record that the product is sold from now on."""
        return ProductTransition(
            aggregate_id=self.id, version=self.version, from_status=None, to_status=ProductStatus.ACTIVE
        )

    def edit(self, changes: Changes) -> bool:
        """Take over what differs; say whether anything did. Raises ProductNoLongerSold."""
        if not self.active:
            raise ProductNoLongerSold
        wanted: dict[str, Any] = {"notes" if name == "metadata" else name: value for name, value in changes.items()}
        different = {name: value for name, value in wanted.items() if getattr(self, name) != value}
        for name, value in different.items():
            setattr(self, name, value)
        if different:
            self._touch()
        return bool(different)

    def archive(self) -> ProductTransition:
        """Stop selling it."""
        check_move(
            PRODUCT_MOVES, ProductStatus.ACTIVE if self.active else ProductStatus.ARCHIVED, ProductStatus.ARCHIVED
        )
        self.active = False
        self._touch()
        return ProductTransition(
            aggregate_id=self.id,
            version=self.version,
            from_status=ProductStatus.ACTIVE,
            to_status=ProductStatus.ARCHIVED,
        )

    def _touch(self) -> None:
        self.version += 1
        self.updated_at = now()


class ProductPrice(Base, kw_only=True):
    """What a product cost from one moment to another; the current price has no end."""

    __tablename__ = "product_prices"
    __table_args__ = (
        Index("ix_product_prices_product_id", "product_id", "valid_from"),
        Index("uq_product_prices_current", "product_id", unique=True, postgresql_where=text("valid_to IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    price: Mapped[Money] = composite(mapped_column("amount", BigInteger), mapped_column("currency", Text))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)


class Stock(Base, kw_only=True):
    """The counted stock of a product: `on_hand` is free + reserved. A product without this row is unlimited."""

    __tablename__ = "stock"
    __table_args__ = (
        CheckConstraint("reserved >= 0", name="reserved"),
        CheckConstraint("on_hand >= reserved", name="free"),
    )

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True)
    on_hand: Mapped[int] = mapped_column(BigInteger)
    reserved: Mapped[int] = mapped_column(BigInteger, default=0)


class StockEntry(Base, kw_only=True):
    """A line of the stock journal: the deltas of a product add up to what is on hand."""

    __tablename__ = "stock_entries"
    __table_args__ = (Index("ix_stock_entries_product_id", "product_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    delta: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    actor_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None] = mapped_column(default=None)
    at: Mapped[datetime] = mapped_column(default_factory=now)
