"""The JSON of catalog's API, in and out."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from catalog.models import Changes, Grant, Product, StockEntry
from common.http import Page
from common.http.fields import Id, Line, Metadata, MoneyIn, MoneyOut, Strict, Text, TimeOut


def _not_zero(value: int) -> int:
    if value == 0:
        raise PydanticCustomError("zero", "write how many pieces more or fewer")
    return value


Name = Annotated[Line, Field(min_length=1, max_length=200)]
Description = Annotated[Text, Field(max_length=20_000)]
Category = Annotated[Line, Field(min_length=1, max_length=80)]
Tags = Annotated[list[Annotated[Line, Field(min_length=1, max_length=40)]], Field(max_length=30)]
Image = Annotated[Line, Field(max_length=2000, pattern=r"^https?://[^\s/@?#\\]+(/[^\s\\#]*)?$")]
Images = Annotated[list[Image], Field(max_length=30)]
Kind = Literal["physical", "digital"]
Pieces = Annotated[int, Field(ge=0, le=1_000_000_000)]
Delta = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000), AfterValidator(_not_zero)]


class NewProduct(Strict):
    """A product to put up; `stock` null means unlimited."""

    kind: Kind
    name: Name
    description: Description = ""
    price: MoneyIn
    stock: Pieces | None = None
    category: Category | None = None
    tags: Tags = Field(default_factory=list)
    images: Images = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)

    def product(self, seller_id: UUID) -> Product:
        """Return it as this seller's product."""
        return Product(
            seller_id=seller_id,
            kind=self.kind,
            name=self.name,
            description=self.description,
            price=self.price.money(),
            category=self.category,
            tags=self.tags,
            images=self.images,
            notes=self.metadata,
        )


class ProductChanges(Strict):
    """What to change; what is absent stays. Only `category` can be null: none."""

    name: Name = ""
    description: Description = ""
    price: MoneyIn = MoneyIn(amount=0, currency="USD")
    category: Category | None = None
    tags: Tags = Field(default_factory=list)
    images: Images = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)

    def changes(self) -> Changes:
        """Return what was given."""
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "price" in given:
            given["price"] = self.price.money()
        return cast("Changes", given)


class StockChange(Strict):
    """So many pieces more, or fewer, and why."""

    delta: Delta
    reason: Annotated[Line, Field(min_length=1, max_length=200)]

    def entry(self, product_id: UUID, actor_id: UUID) -> StockEntry:
        """Return it as a line of the journal."""
        return StockEntry(product_id=product_id, delta=self.delta, reason=self.reason, actor_id=actor_id)


class ProductOut(BaseModel):
    """A product as it stands; `stock` is what is free now, null where it is unlimited."""

    id: UUID
    seller_id: UUID
    kind: str
    name: str
    description: str
    price: MoneyOut
    stock: int | None
    active: bool
    category: str | None
    tags: list[str]
    images: list[str]
    metadata: dict[str, str]
    version: int
    created_at: TimeOut
    updated_at: TimeOut

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "ProductOut":
        """Return a row of the products query as JSON; it is ours, so nothing is checked again."""
        given = dict(row)
        price = MoneyOut.model_construct(amount=given.pop("amount"), currency=given.pop("currency"))
        return cls.model_construct(**{**given, "price": price})


class StockEntryOut(BaseModel):
    """A line of the stock journal, and what is free after it."""

    id: UUID
    product_id: UUID
    delta: int
    reason: str
    stock: int
    created_at: TimeOut

    @classmethod
    def of(cls, entry: StockEntry, stock: int) -> "StockEntryOut":
        """Return it as JSON."""
        return cls(
            id=entry.id,
            product_id=entry.product_id,
            delta=entry.delta,
            reason=entry.reason,
            stock=stock,
            created_at=entry.at,
        )


class CategoryOut(BaseModel):
    """A category that has active products, and how many."""

    name: str
    products: int


class DownloadOut(BaseModel):
    """A right to download what was bought."""

    id: UUID
    order_id: UUID
    line_id: UUID
    product_id: UUID
    name: str
    created_at: TimeOut
    revoked: bool

    @classmethod
    def of(cls, grant: Grant) -> "DownloadOut":
        """Return it as JSON."""
        return cls(
            id=grant.id,
            order_id=grant.order_id,
            line_id=grant.line_id,
            product_id=grant.product_id,
            name=grant.name,
            created_at=grant.created_at,
            revoked=grant.revoked,
        )


class ProductPage(Page):
    """The products list's parameters."""

    kind: Literal["physical", "digital", "credits", "pass"] | None = None
    category: Category | None = None
    seller: Id | None = None
