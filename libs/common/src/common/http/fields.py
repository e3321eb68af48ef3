"""Field types for request bodies: strict, normalised, bounded; and the JSON of money and time."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from common.money import CURRENCIES, MAX_AMOUNT, Money

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+",
    re.IGNORECASE | re.ASCII,
)
_LONGEST_ADDRESS = 254  # RFC 5321
_MOST_KEYS, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500
_BREAKS = frozenset("\n\t\u2028\u2029")
YEARS = range(1970, 9000)  # with any offset they are times in UTC too


class Strict(BaseModel):
    """The base of request bodies: unknown fields and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


def is_id(value: str) -> bool:
    """Say whether a text is an id in the one way to write it."""
    return _UUID.fullmatch(value) is not None


def _canonical_uuid(value: object) -> object:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and is_id(value):
        return UUID(value)
    raise PydanticCustomError("uuid", "write an id as 8-4-4-4-12 lower-case hexadecimal digits")


def _clean(value: str) -> str:
    text = unicodedata.normalize("NFC", value)
    if any(_forbidden(character) for character in text):
        raise PydanticCustomError("control_character", "control and invisible formatting characters are not allowed")
    if text and not any(character.isprintable() and not character.isspace() for character in text):
        raise PydanticCustomError("blank", "write something that can be read")
    return text


def _forbidden(character: str) -> bool:
    # Controls but tab and newline; bidi embeddings, overrides and isolates; zero-width space and byte-order mark.
    # Joiners stay: emoji and several scripts need them.
    if character in "\t\n":
        return False
    return (
        unicodedata.category(character) == "Cc"
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff"
    )


def _one_line(value: str) -> str:
    if not _BREAKS.isdisjoint(value):
        raise PydanticCustomError("control_character", "write it on one line")
    return value.strip()


def _rfc3339(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME.fullmatch(value)):
        return value
    raise PydanticCustomError("time", "write an RFC 3339 time with its offset")


def _sensible(value: datetime) -> datetime:
    if value.year not in YEARS:
        raise PydanticCustomError("time", "write a time between 1970 and 8999")
    return value


def _email(value: str) -> str:
    address = unicodedata.normalize("NFC", value).strip()
    if len(address) > _LONGEST_ADDRESS or not _EMAIL.fullmatch(address):
        raise PydanticCustomError("email", "write one address, such as name@example.com")
    return address.lower()


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise PydanticCustomError("currency", "write an ISO 4217 code in capitals, such as USD")
    return value


def _string_map(value: dict[str, str]) -> dict[str, str]:
    if len(value) > _MOST_KEYS or any(len(k) > _LONGEST_KEY or len(v) > _LONGEST_VALUE for k, v in value.items()):
        raise PydanticCustomError("metadata", "at most 50 keys of 40 characters with values of 500")
    return {_clean(key): _clean(text) for key, text in value.items()}


Id = Annotated[UUID, BeforeValidator(_canonical_uuid), Field(strict=False)]
# What JSON Schema can say of the checks above, for OpenAPI.
Text = Annotated[str, AfterValidator(_clean), Field(json_schema_extra={"pattern": r"^[^\x00-\x08\x0b-\x1f\x7f]*$"})]
Line = Annotated[
    str,
    AfterValidator(_clean),
    AfterValidator(_one_line),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f]*$"}),
]
Email = Annotated[str, AfterValidator(_email), Field(json_schema_extra={"format": "email", "maxLength": 254})]
Time = Annotated[AwareDatetime, BeforeValidator(_rfc3339), Field(strict=False), AfterValidator(_sensible)]
Currency = TypeAliasType(
    "Currency",
    Annotated[
        str,
        StringConstraints(min_length=3, max_length=3),
        AfterValidator(_currency),
        Field(description="An ISO 4217 code.", json_schema_extra={"enum": sorted(CURRENCIES)}),
    ],
)
Quantity = Annotated[int, Field(ge=1, le=10_000)]
Metadata = Annotated[
    dict[str, str],
    AfterValidator(_string_map),
    Field(
        json_schema_extra={
            "maxProperties": _MOST_KEYS,
            "propertyNames": {"maxLength": _LONGEST_KEY},
            "additionalProperties": {"type": "string", "maxLength": _LONGEST_VALUE},
        }
    ),
]
TimeOut = Annotated[
    datetime, PlainSerializer(lambda time: time.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str)
]


class MoneyIn(Strict):
    """Money in a request: whole minor units."""

    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
    currency: Currency

    def money(self) -> Money:
        """Return it as Money."""
        return Money(self.amount, self.currency)


class MoneyOut(BaseModel):
    """Money in an answer: whole minor units."""

    amount: int
    currency: str

    @classmethod
    def of(cls, money: Money) -> "MoneyOut":
        """Return Money as JSON."""
        return cls(amount=money.amount, currency=money.currency)
