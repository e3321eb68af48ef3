"""What things are asked for, what they cost from when to when, and what the shop's lists show."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, composite, mapped_column
from sqlalchemy.types import TypeDecorator

from catalog.domain import Price
from catalog.models.tables import Base
from common.events import new_id
from common.money import Money


class PriceList(TypeDecorator[list[Price]]):
    """Prices kept as JSON: `[{"amount", "currency", "valid_from", "valid_to"}]`."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: list[Price] | None, _dialect: object) -> list[dict[str, Any]] | None:
        """Return what is stored."""
        return None if value is None else [_written(price) for price in value]

    def process_result_value(self, value: list[dict[str, Any]] | None, _dialect: object) -> list[Price] | None:
        """Return the prices that are stored."""
        return None if value is None else [_read(price) for price in value]


class ProductPrice(Base, kw_only=True):
    """What a variant cost in a currency from one moment to another; what it costs now has no end."""

    __tablename__ = "product_prices"
    __table_args__ = (
        Index("ix_product_prices_variant_id", "variant_id", "valid_from"),
        Index(
            "uq_product_prices_current",
            "variant_id",
            "currency",
            unique=True,
            postgresql_where=text("valid_to IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"))
    price: Mapped[Money] = composite(mapped_column("amount", BigInteger), mapped_column("currency", Text))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(default=None)


class ListedPrice(Base, kw_only=True):
    """What a product costs now in a currency: that of its cheapest variant."""

    __tablename__ = "listed_prices"
    __table_args__ = (Index("ix_listed_prices_currency", "currency", "amount", "product_id"),)

    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), primary_key=True, init=False)
    currency: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)


def _written(price: Price) -> dict[str, Any]:
    times = {"valid_from": price.valid_from, "valid_to": price.valid_to}
    return {
        "amount": price.money.amount,
        "currency": price.money.currency,
        **{name: time and time.isoformat() for name, time in times.items()},
    }


def _read(price: dict[str, Any]) -> Price:
    begin, end = (price[name] and datetime.fromisoformat(price[name]) for name in ("valid_from", "valid_to"))
    return Price(Money(price["amount"], price["currency"]), begin, end)
