"""The variants of a product: what is ordered, counted and priced."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.domain import Price, in_force, next_turn
from catalog.models.prices import PriceList, ProductPrice
from catalog.models.tables import Base
from common.db import now
from common.events import new_id
from common.money import Money


class Variant(Base, kw_only=True):
    """One form in which a product is sold. That of a plain product has the product's id and no options.

    `prices` is what the seller asks, the first of them the ordinary price in the product's own currency; `amount` is
    what holds now in that currency, and `regular_amount` what would without a plan. `current` is what the books say.
    """

    __tablename__ = "variants"
    __table_args__ = (Index("ix_variants_product_id", "product_id", "position"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    position: Mapped[int] = mapped_column(default=0)
    options: Mapped[dict[str, str]] = mapped_column(default_factory=dict)
    sku: Mapped[str | None] = mapped_column(default=None)
    prices: Mapped[list[Price]] = mapped_column(PriceList)
    amount: Mapped[int] = mapped_column(BigInteger, init=False)
    regular_amount: Mapped[int] = mapped_column(BigInteger, init=False)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    current: Mapped[list[ProductPrice]] = relationship(
        primaryjoin=lambda: (ProductPrice.variant_id == Variant.id) & ProductPrice.valid_to.is_(None),
        lazy="raise",
        init=False,
        default_factory=list,
    )

    @property
    def name(self) -> str:
        """How buyers tell it from its siblings: `A3 / framed`."""
        return " / ".join(self.options.values())

    def costs(self, moment: datetime) -> Mapping[str, Money]:
        """Return what it costs at a moment, by currency; nothing once it is not sold any more."""
        return in_force(self.prices, moment) if self.active else {}

    def end_prices(self, moment: datetime) -> None:
        """Close the books on prices that do not hold at this moment."""
        costs = self.costs(moment)
        for entry in self.current:
            if costs.get(entry.price.currency) != entry.price:
                entry.valid_to = moment

    def begin_prices(self, moment: datetime) -> None:
        """Book the prices that hold from this moment on and are not booked yet."""
        costs = self.costs(moment)
        booked = {entry.price.currency for entry in self.current if entry.valid_to is None}
        self.current += [
            ProductPrice(variant_id=self.id, price=price, valid_from=moment)
            for currency, price in costs.items()
            if currency not in booked
        ]
        self.regular_amount = self.prices[0].money.amount
        self.amount = costs[self.prices[0].money.currency].amount if costs else self.regular_amount

    def turns_at(self, moment: datetime) -> datetime | None:
        """Return when its price changes next by plan."""
        return next_turn(self.prices, moment) if self.active else None
