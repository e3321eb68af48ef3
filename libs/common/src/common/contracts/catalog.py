"""What catalog tells: products as they stand, stock, deliveries."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from common.events import Event
from common.money import Money

ProductKind = Literal["physical", "digital", "credits", "pass"]


class _Product(Event):
    product_id: UUID
    version_number: int
    kind: ProductKind
    name: str
    price: Money
    active: bool
    seller_id: UUID
    images: list[str] = Field(default_factory=list)


class ProductCreated(_Product, wire="product.created", subject="product_id"):
    """A product exists; the whole of what others need to know."""


class ProductUpdated(_Product, wire="product.updated", subject="product_id"):
    """A product is now this; readers keep the highest `version_number`."""


class ProductArchived(Event, wire="product.archived", subject="product_id"):
    """A product is no longer sold."""

    product_id: UUID
    version_number: int


class StockReserved(Event, wire="stock.reserved", subject="order_id"):
    """Every line of the order is set aside for it."""

    order_id: UUID


class StockRejected(Event, wire="stock.rejected", subject="order_id"):
    """Nothing is set aside, or a paid order's reservation was gone and cannot be had again.

    `reason` is out_of_stock, not_for_sale, price_changed, currency_mismatch or unknown_product.
    """

    order_id: UUID
    reason: str
    product_id: UUID | None = None


class StockReleased(Event, wire="stock.released", subject="order_id", heard=False):
    """What was set aside for the order is free again."""

    order_id: UUID


class DeliveryGranted(Event, wire="delivery.granted", subject="line_id", partition="order_id"):
    """The buyer may download this line from now on."""

    order_id: UUID
    line_id: UUID
    product_id: UUID
    user_id: UUID
    grant_id: UUID


class DeliveryRevoked(Event, wire="delivery.revoked", subject="line_id", partition="order_id", heard=False):
    """The buyer may no longer download this line."""

    order_id: UUID
    line_id: UUID
    grant_id: UUID
