"""What catalog tells: products as they stand, stock, deliveries."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.events import Event
from common.money import Money

ProductKind = Literal["physical", "digital", "credits", "pass"]


class Variant(BaseModel):
    """One form in which a product is sold, and what it costs now in each currency."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    variant_id: UUID
    name: str
    sku: str | None = None
    prices: list[Money]


class _Product(Event):
    product_id: UUID
    version_number: int
    kind: ProductKind
    name: str
    price: Money
    active: bool
    seller_id: UUID
    images: list[str] = Field(default_factory=list)
    prices: list[Money] = Field(default_factory=list)
    variants: list[Variant] = Field(default_factory=list)
    min_quantity: int = 1
    max_quantity: int | None = None
    licence: str | None = None


class ProductCreated(_Product, wire="product.created", subject="product_id"):
    """A product exists; the whole of what others need to know.

    `prices` are what it costs now in each currency; one that is sold in `variants` is bought as one of them.
    """


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

    `reason` is out_of_stock, not_for_sale, price_changed, currency_mismatch, unknown_product or quantity_out_of_range.
    """

    order_id: UUID
    reason: str
    product_id: UUID | None = None
    variant_id: UUID | None = None


class StockReleased(Event, wire="stock.released", subject="order_id", heard=False):
    """What was set aside for the order is free again."""

    order_id: UUID


class StockLow(Event, wire="stock.low", subject="product_id"):
    """So few pieces of a variant are free that its seller wants to hear of it."""

    product_id: UUID
    variant_id: UUID
    seller_id: UUID
    name: str
    free: int
    threshold: int


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


class DeliveryDownloaded(Event, wire="delivery.downloaded", subject="line_id", partition="order_id"):
    """A URL to download one of a line's files was given out."""

    order_id: UUID
    line_id: UUID
    product_id: UUID
    user_id: UUID
    seller_id: UUID
    grant_id: UUID
    file_id: UUID


class AssetRegistered(Event, wire="asset.registered", subject="asset_id", heard=False):
    """A seller's file was found to be what was announced: it may be sold. Sizes are bytes and pixels."""

    asset_id: UUID
    owner_id: UUID
    name: str
    content_type: str
    size: int
    width: int | None = None
    height: int | None = None
