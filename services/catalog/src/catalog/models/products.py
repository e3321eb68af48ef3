"""Products and the variants in which they are sold."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.domain import PRODUCT_MOVES, ProductStatus, check_move, fold
from catalog.errors import ProductNoLongerSold
from catalog.models.prices import ListedPrice
from catalog.models.tables import Base, Transition
from catalog.models.variants import Variant
from common.db import now
from common.events import new_id
from common.money import Money

_SOLD = text("status = 'active'")
_SORTED = 80  # letters of a name by which lists are sorted
_LIMITS = frozenset({"min_quantity", "max_quantity"})
_SOUGHT = frozenset({"name", "tags", "sku", "description"})
_WORDS = (
    "setweight(to_tsvector('simple', words[1]), 'A') || setweight(to_tsvector('simple', words[2]), 'B')"
    " || setweight(to_tsvector('simple', words[3]), 'C')"
)


class ProductTransition(Transition, Base):
    """A product began or ceased to be sold; `version` is the product's."""

    __tablename__ = "product_transitions"
    __table_args__ = (UniqueConstraint("aggregate_id", "version"),)


class Changes(TypedDict, total=False):
    """What may be changed of a product by setting it."""

    name: str
    description: str
    slug: str
    sku: str | None
    category_id: UUID | None
    tags: list[str]
    images: list[str]
    thumbnail: str | None
    files: list[UUID]
    licence: str | None
    min_quantity: int
    max_quantity: int | None
    low_stock: int | None
    download_limit: int | None
    download_days: int | None
    notes: dict[str, str]


class Product(Base, kw_only=True):
    """Something a seller sells, in one variant or in several that buyers choose from by their options.

    `amount` is what its cheapest variant costs now in its own currency, `prices_turn_at` when a planned price begins or
    ends next. `files` are the assets a buyer gets. `words` are the name, the tags with the sku, and the
    description, folded.
    """

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("kind IN ('physical', 'digital', 'credits', 'pass')", name="kind"),
        CheckConstraint("status IN ('draft', 'active', 'archived')", name="status"),
        CheckConstraint("amount BETWEEN 0 AND 1000000000000", name="amount"),
        CheckConstraint("min_quantity >= 1 AND max_quantity >= min_quantity", name="quantity"),
        UniqueConstraint("slug"),
        Index("uq_products_sku", "seller_id", "sku", unique=True),
        Index("ix_products_active_kind", "kind", "id", postgresql_where=_SOLD),
        Index("ix_products_active_category_id", "category_id", "id", postgresql_where=_SOLD),
        Index("ix_products_active_id", "id", postgresql_where=_SOLD),
        Index("ix_products_active_sort_name", "sort_name", "id", postgresql_where=_SOLD),
        Index("ix_products_seller_id", "seller_id", "id"),
        Index("ix_products_tags", "tags", postgresql_using="gin"),
        Index("ix_products_search", "search", postgresql_using="gin"),
        Index("ix_products_files", "files", postgresql_using="gin", postgresql_where=text("files <> '{}'")),
        Index("ix_products_prices_turn_at", "prices_turn_at", postgresql_where=text("prices_turn_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    seller_id: Mapped[UUID]
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(default=ProductStatus.ACTIVE)
    name: Mapped[str]
    slug: Mapped[str]
    sku: Mapped[str | None] = mapped_column(default=None)
    description: Mapped[str]
    currency: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger, init=False)
    regular_amount: Mapped[int] = mapped_column(BigInteger, init=False)
    prices_turn_at: Mapped[datetime | None] = mapped_column(default=None)
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"), default=None)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    images: Mapped[list[str]] = mapped_column(ARRAY(Text))
    thumbnail: Mapped[str | None] = mapped_column(default=None)
    files: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default_factory=list)
    licence: Mapped[str | None] = mapped_column(default=None)
    min_quantity: Mapped[int] = mapped_column(default=1)
    max_quantity: Mapped[int | None] = mapped_column(default=None)
    low_stock: Mapped[int | None] = mapped_column(BigInteger, default=None)
    download_limit: Mapped[int | None] = mapped_column(default=None)
    download_days: Mapped[int | None] = mapped_column(default=None)
    notes: Mapped[dict[str, str]] = mapped_column("metadata", default_factory=dict)
    version: Mapped[int] = mapped_column(default=1)
    words: Mapped[list[str]] = mapped_column(ARRAY(Text), init=False)
    sort_name: Mapped[str] = mapped_column(Text(collation="C"), init=False)
    search: Mapped[str] = mapped_column(TSVECTOR, Computed(_WORDS, persisted=True), init=False, deferred=True)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
    limits_at: Mapped[datetime] = mapped_column(default_factory=now)
    several: Mapped[bool] = mapped_column(default=False)
    variants: Mapped[list[Variant]] = relationship(lazy="raise", order_by=Variant.position, default_factory=list)
    listed: Mapped[list[ListedPrice]] = relationship(
        lazy="raise", cascade="all, delete-orphan", init=False, default_factory=list
    )

    def __post_init__(self) -> None:
        """Fold the words, and book the prices that hold from now on."""
        self._fold()
        self.begin_prices(self.created_at)

    @property
    def price(self) -> Money:
        """What its cheapest variant costs now, in its own currency."""
        return Money(self.amount, self.currency)

    @property
    def offered(self) -> list[Variant]:
        """The variants that are sold."""
        return [variant for variant in self.variants if variant.active]

    def costs(self, moment: datetime) -> Mapping[str, Money]:
        """Return what the cheapest variant costs at a moment, by currency."""
        cheapest: dict[str, Money] = {}
        for variant in self.offered:
            for currency, price in variant.costs(moment).items():
                cheapest[currency] = min(price, cheapest.get(currency, price), key=lambda money: money.amount)
        return cheapest

    def end_prices(self, moment: datetime) -> None:
        """Close the books on prices that do not hold at this moment; to be written before others begin."""
        for variant in self.variants:
            variant.end_prices(moment)

    def begin_prices(self, moment: datetime) -> None:
        """Book and list the prices that hold from this moment on."""
        for variant in self.variants:
            variant.begin_prices(moment)
        costs = self.costs(moment)
        self.amount = costs[self.currency].amount
        self.regular_amount = min(variant.regular_amount for variant in self.offered)
        self.prices_turn_at = min(filter(None, (v.turns_at(moment) for v in self.offered)), default=None)
        listed = {entry.currency: entry for entry in self.listed}
        for currency, price in costs.items():
            if currency in listed:
                listed[currency].amount = price.amount
            else:
                self.listed.append(ListedPrice(currency=currency, amount=price.amount))
        for currency in listed.keys() - costs.keys():
            self.listed.remove(listed[currency])

    def born(self) -> ProductTransition:
        """Return the record of its first status."""
        return ProductTransition(
            aggregate_id=self.id, version=self.version, from_status=None, to_status=ProductStatus(self.status)
        )

    def edit(self, changes: Changes) -> set[str]:
        """Take over what differs, and return its names. Raises ProductNoLongerSold."""
        if self.status == ProductStatus.ARCHIVED:
            raise ProductNoLongerSold
        different = {name: value for name, value in changes.items() if getattr(self, name) != value}
        for name, value in different.items():
            setattr(self, name, value)
        if different.keys() & _SOUGHT:
            self._fold()
        if different.keys() & _LIMITS:
            self.limits_at = now()
        return set(different)

    def move(self, status: ProductStatus) -> ProductTransition:
        """Begin, pause or cease to sell it; `touch` comes before."""
        before = ProductStatus(self.status)
        check_move(PRODUCT_MOVES, before, status)
        self.status = status
        return ProductTransition(aggregate_id=self.id, version=self.version, from_status=before, to_status=status)

    def touch(self, moment: datetime) -> None:
        """Count one more version."""
        self.version += 1
        self.updated_at = moment

    def _fold(self) -> None:
        tags = fold(" ".join([*self.tags, self.sku or ""]))
        self.words = [fold(self.name), tags, fold(self.description)]
        self.sort_name = self.words[0][:_SORTED]
