"""Products as sellers put them up and change them."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self, cast
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from catalog.domain import Price, ProductStatus
from catalog.models import Changes, Edit, Product, Wish
from catalog.schemas.fields import (
    CategoryPath,
    Description,
    Few,
    Files,
    Images,
    Kind,
    Licence,
    Name,
    Options,
    Pieces,
    PriceIn,
    Sku,
    Slug,
    Tags,
    money_of,
)
from common.events import new_id
from common.http.fields import Id, Metadata, MoneyIn, Strict

Prices = Annotated[list[PriceIn], Field(max_length=50)]
_PLAIN: Final = frozenset(
    "name description slug sku tags images files licence min_quantity max_quantity low_stock download_limit"
    " download_days".split()
)


class NewVariant(Strict):
    """A form in which a product is sold; `stock` null means unlimited."""

    options: Options
    sku: Sku | None = None
    price: MoneyIn
    prices: Prices = Field(default_factory=list)
    stock: Pieces | None = None

    def wish(self) -> Wish:
        """Return it as what the seller wishes."""
        prices = _asked(self.price, self.prices)
        return Wish(options=self.options, sku=self.sku, prices=prices, stock=self.stock)


class VariantChange(NewVariant):
    """A variant as it should be: one that is there already by its `id`, whose stock is counted elsewhere."""

    id: Id | None = None

    @model_validator(mode="after")
    def _counted_elsewhere(self) -> Self:
        if self.id is not None and self.stock is not None:
            raise PydanticCustomError("stock", "the stock of a variant that exists is counted by POST …/stock")
        return self

    def wish(self) -> Wish:
        """Return it as what the seller wishes."""
        prices = _asked(self.price, self.prices)
        return Wish(id=self.id, options=self.options, sku=self.sku, prices=prices, stock=self.stock)


class _Presented(Strict):
    description: Description = ""
    category: CategoryPath | None = None
    tags: Tags = Field(default_factory=list)
    images: Images = Field(default_factory=list)
    files: Files = Field(default_factory=list)
    licence: Licence | None = None
    min_quantity: Few = 1
    max_quantity: Few | None = None
    low_stock: Pieces | None = None
    download_limit: Few | None = None
    download_days: Few | None = None
    metadata: Metadata = Field(default_factory=dict)


class NewProduct(_Presented):
    """A product to put up: plain with its `price` and `stock` (null: unlimited), or in `variants` that have theirs."""

    kind: Kind
    name: Name
    status: Literal["draft", "active"] = "active"
    slug: Slug | None = None
    sku: Sku | None = None
    price: MoneyIn | None = None
    prices: Prices = Field(default_factory=list)
    stock: Pieces | None = None
    variants: Annotated[list[NewVariant], Field(max_length=100)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _priced_once(self) -> Self:
        if self.variants and not (self.price is None and not self.prices and self.stock is None):
            raise PydanticCustomError("variants", "with variants, prices and stock are theirs alone")
        if not self.variants and self.price is None:
            raise PydanticCustomError("price", "write a price, or variants that have theirs")
        if self.max_quantity is not None and self.min_quantity > self.max_quantity:
            raise PydanticCustomError("quantity", "the least quantity is not above the most")
        return self

    def wishes(self) -> list[Wish]:
        """Return the variants that are wished; a plain product's has no options."""
        if self.price is None:
            return [variant.wish() for variant in self.variants]
        return [Wish(options={}, prices=_asked(self.price, self.prices), stock=self.stock)]

    def product(self, seller_id: UUID, wishes: Sequence[Wish]) -> tuple[Product, dict[UUID, int]]:
        """Return it as this seller's product in these variants, with the stock of those that are counted."""
        product_id = new_id()
        variants = [wish.variant(product_id, position) for position, wish in enumerate(wishes)]
        if self.price is not None:
            variants[0].id = product_id
        stock = {v.id: wish.stock for v, wish in zip(variants, wishes, strict=True) if wish.stock is not None}
        given = self.model_dump(include=set(_PLAIN - {"slug"}))
        product = Product(
            id=product_id,
            seller_id=seller_id,
            kind=self.kind,
            status=ProductStatus(self.status),
            slug=self.slug or "",
            currency=wishes[0].prices[0].money.currency,
            several=self.price is None,
            variants=variants,
            notes=self.metadata,
            **given,
        )
        return product, stock


class ProductChanges(_Presented):
    """What to change; what is absent stays. What has no value of its own can be null: none.

    `prices` and `variants` are given whole: what is not in them ends.
    """

    name: Name = ""
    status: Literal["draft", "active", "archived"] = "active"
    slug: Slug = ""
    sku: Sku | None = None
    price: MoneyIn = MoneyIn(amount=0, currency="USD")
    prices: Prices = Field(default_factory=list)
    variants: Annotated[list[VariantChange], Field(min_length=1, max_length=100)] = Field(default_factory=list)

    def edit(self) -> Edit:
        """Return what was given."""
        given = self.model_fields_set
        changes: dict[str, Any] = {name: getattr(self, name) for name in given & _PLAIN}
        if "metadata" in given:
            changes["notes"] = self.metadata
        return Edit(
            changes=cast("Changes", changes),
            category=(self.category or "") if "category" in given else None,
            price=self.price.money() if "price" in given else None,
            prices=[_price(price) for price in self.prices] if "prices" in given else None,
            wishes=[variant.wish() for variant in self.variants] if "variants" in given else None,
            status=ProductStatus(self.status) if "status" in given else None,
        )


def _asked(price: MoneyIn, prices: Sequence[PriceIn]) -> list[Price]:
    return [Price(price.money()), *(_price(other) for other in prices)]


def _price(price: PriceIn) -> Price:
    return Price(money_of(price), price.valid_from, price.valid_to)
