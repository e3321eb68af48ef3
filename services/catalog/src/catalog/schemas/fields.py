"""The fields that products, categories and stock share."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from common.http.fields import Currency, Id, Line, MoneyOut, Strict, Text, Time, TimeOut
from common.money import MAX_AMOUNT, Money

_DEEPEST: Final = 5
_LONGEST_NAME: Final = 80


def _branches(path: str) -> str:
    names = [name.strip() for name in path.split("/")]
    if not all(0 < len(name) <= _LONGEST_NAME for name in names) or len(names) > _DEEPEST:
        raise PydanticCustomError("category", "write at most five names of 80 characters with / between them")
    return "/".join(names)


def _no_branch(name: str) -> str:
    if "/" in name:
        raise PydanticCustomError("category", "a name has no /; its place in the tree is its parent")
    return name


def _different(ids: list[UUID]) -> list[UUID]:
    if len(set(ids)) < len(ids):
        raise PydanticCustomError("repeated", "name each of them once")
    return ids


def _flag(value: object) -> object:
    if value not in {"true", "false"}:
        raise PydanticCustomError("flag", "write true or false")
    return value == "true"


def _not_zero(value: int) -> int:
    if value == 0:
        raise PydanticCustomError("zero", "write how many pieces more or fewer")
    return value


Name = Annotated[Line, Field(min_length=1, max_length=200)]
Description = Annotated[Text, Field(max_length=20_000)]
Licence = Annotated[Text, Field(min_length=1, max_length=5_000)]
SLUG: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Slug = Annotated[str, Field(max_length=80, pattern=SLUG)]
Sku = Annotated[Line, Field(min_length=1, max_length=64)]
CategoryPath = Annotated[Line, Field(min_length=1, max_length=410), AfterValidator(_branches)]
CategoryName = Annotated[Line, Field(min_length=1, max_length=_LONGEST_NAME), AfterValidator(_no_branch)]
Tag = Annotated[Line, Field(min_length=1, max_length=40)]
Tags = Annotated[list[Tag], Field(max_length=30)]
# An address, or the id of an asset whose picture is shown.
_SHOWN: Final = r"^(https?://[^\s/@?#\\]+(/[^\s\\#]*)?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
Image = Annotated[Line, Field(max_length=2000, pattern=_SHOWN, json_schema_extra={"pattern": _SHOWN})]
Images = Annotated[list[Image], Field(max_length=30)]
Files = Annotated[list[Id], Field(max_length=20), AfterValidator(_different)]
Options = Annotated[
    dict[
        Annotated[Line, Field(min_length=1, max_length=40)],
        Annotated[Line, Field(min_length=1, max_length=80)],
    ],
    Field(min_length=1, max_length=5, json_schema_extra={"additionalProperties": False}),
]
Kind = Literal["physical", "digital"]
Pieces = Annotated[int, Field(ge=0, le=1_000_000_000)]
Few = Annotated[int, Field(ge=1, le=10_000)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Delta = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000), AfterValidator(_not_zero)]


class PriceIn(Strict):
    """A price beside the ordinary one: in another currency, or for a time that begins, ends, or both."""

    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
    currency: Currency
    valid_from: Time | None = None
    valid_to: Time | None = None


class PriceOut(MoneyOut):
    """A price beside the ordinary one, and when it holds: always where it has no times."""

    valid_from: TimeOut | None
    valid_to: TimeOut | None


def money_of(price: PriceIn) -> Money:
    """Return the money of a price."""
    return Money(price.amount, price.currency)
