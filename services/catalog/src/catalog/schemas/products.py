"""Products as they are shown, and how they are looked for."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from catalog.domain import ProductStatus, terms
from catalog.queries import Shelf, Sort
from catalog.schemas.assets import FileOut
from catalog.schemas.fields import CategoryPath, Flag, PriceOut, Tag
from common.http import Page
from common.http.fields import Currency, Id, Line, MoneyOut, TimeOut
from common.money import MAX_AMOUNT


class VariantOut(BaseModel):
    """A form in which a product is sold; `stock` is what is free now, null where it is unlimited."""

    id: UUID
    name: str
    options: dict[str, str]
    sku: str | None
    price: MoneyOut
    regular_price: MoneyOut
    prices: list[PriceOut]
    stock: int | None


class ProductOut(BaseModel):
    """A product as it stands. `stock` is what is free now of all variants, null where one is unlimited.

    `price` is what it costs now, `regular_price` what it would without a plan, both of the cheapest variant; `prices`
    are those beside the ordinary one. `files` are what a buyer gets.
    """

    id: UUID
    seller_id: UUID
    kind: str
    status: str
    active: bool
    name: str
    slug: str
    sku: str | None
    description: str
    price: MoneyOut
    regular_price: MoneyOut
    prices: list[PriceOut]
    stock: int | None
    variants: list[VariantOut]
    category: str | None
    tags: list[str]
    images: list[str]
    thumbnail: str | None
    files: list[FileOut]
    licence: str | None
    min_quantity: int
    max_quantity: int | None
    low_stock: int | None
    download_limit: int | None
    download_days: int | None
    metadata: dict[str, str]
    version: int
    created_at: TimeOut
    updated_at: TimeOut


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the products query as the JSON of a ProductOut; it is ours, so nothing is checked again."""
    given = dict(row)
    currency = given.pop("currency")
    variants = [_variant(variant, currency) for variant in given.pop("variants") or ()]
    given.pop("key", None)
    given |= {
        "active": given["status"] == ProductStatus.ACTIVE,
        "price": {"amount": given.pop("amount"), "currency": currency},
        "regular_price": {"amount": given.pop("regular_amount"), "currency": currency},
        "prices": (given["prices"] or [])[1:],
        "variants": variants,
        "files": given["files"] or [],
    }
    if variants:
        given["stock"] = _free([variant["stock"] for variant in variants])
    return given


def _variant(variant: dict[str, Any], currency: str) -> dict[str, Any]:
    return variant | {
        "name": " / ".join(variant["options"].values()),
        "price": {"amount": variant.pop("amount"), "currency": currency},
        "regular_price": {"amount": variant.pop("regular_amount"), "currency": currency},
        "prices": variant["prices"][1:],
    }


def _free(counts: Sequence[int | None]) -> int | None:
    return None if None in counts else sum(filter(None, counts))


def _digits(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("amount", "write a whole number of minor units in decimal digits")
    return value


Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT), BeforeValidator(_digits)]


class ProductPage(Page):
    """The products list's parameters; `q` looks in name, tags, sku and description, its last word as a beginning."""

    q: Annotated[Line, Field(max_length=200)] | None = None
    kind: Literal["physical", "digital", "credits", "pass"] | None = None
    category: CategoryPath | None = None
    tag: Tag | None = None
    seller: Id | None = None
    currency: Currency | None = None
    price_min: Amount | None = None
    price_max: Amount | None = None
    in_stock: Flag = False
    status: Literal["draft", "active", "archived", "all"] = "active"
    sort: Sort | None = None

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        compares = (
            self.price_min is not None or self.price_max is not None or self.sort in {Sort.CHEAPEST, Sort.DEAREST}
        )
        if compares and self.currency is None:
            raise PydanticCustomError("currency_required", "prices are compared in one currency: name it")
        if self.sort == Sort.RELEVANCE and not self.words:
            raise PydanticCustomError("query_required", "relevance is that of a search: write q")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """What is looked for, folded."""
        return tuple(terms(self.q or ""))

    @property
    def hopeless(self) -> bool:
        """Whether what is looked for has nothing in it that could be found."""
        return self.q is not None and not self.words

    def shelf(self, owner: UUID | None) -> Shelf:
        """Return what is asked for; only of this owner, if one is given."""
        return Shelf(
            status=None if self.status == "all" else ProductStatus(self.status),
            kind=self.kind,
            category=self.category,
            tag=self.tag,
            seller_id=owner or self.seller,
            words=self.words,
            currency=self.currency,
            price_min=self.price_min,
            price_max=self.price_max,
            in_stock=self.in_stock,
            sort=self.sort or (Sort.RELEVANCE if self.words else Sort.NEWEST),
        )
