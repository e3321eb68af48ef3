"""Orders' own copies of what others own: products and customers, fed by events."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from orders.domain import Offer
from orders.models.tables import Base


class Product(Base):
    """Orders' own copy of a product, fed by catalog's events; the highest version wins.

    `prices` are amounts by currency; `variants`, where it is sold in several, their names and prices by id.
    """

    __tablename__ = "products"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    kind: Mapped[str]
    name: Mapped[str]
    price_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    active: Mapped[bool]
    image: Mapped[str | None] = mapped_column(default=None)
    seller_id: Mapped[UUID | None] = mapped_column(default=None)
    prices: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    variants: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    min_quantity: Mapped[int] = mapped_column(default=1)
    max_quantity: Mapped[int | None] = mapped_column(default=None)
    licence: Mapped[str | None] = mapped_column(default=None)

    def allows(self, quantity: int) -> bool:
        """Say whether one order may have so many pieces."""
        return self.min_quantity <= quantity and (self.max_quantity is None or quantity <= self.max_quantity)

    def offer(self, variant_id: UUID | None) -> Offer | None:
        """Return how it can be bought: as itself, or as one of its variants; None where it cannot be had so."""
        if not self.variants:
            own = self.prices | {self.currency: self.price_amount}
            return Offer(self.name, own) if variant_id is None else None
        variant = self.variants.get(str(variant_id))
        return variant and Offer(f"{self.name} – {variant['name']}", variant["prices"])


class Customer(Base):
    """Orders' own copy of a user's name and address, fed by auth's events; the highest version wins."""

    __tablename__ = "customers"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    version: Mapped[int]
