"""Checks of request parameters before anything runs, in the words of razorpay.com/docs/api."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from sandbox.provider import JsonObject
from sandbox.razorpay.errors import RazorpayError, Why, invalid

_DIGITS: Final = re.compile(r"-?[0-9]{1,15}")
_MOST_NOTES, _LONGEST_NOTE = 15, 256


class Kind(Enum):
    """What a parameter holds."""

    TEXT = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    NOTES = "notes"
    OBJECT = "object"
    ANY = "any"


Schema = Mapping[str, Kind]


def read(schema: Schema, given: JsonObject) -> JsonObject:
    """The parameters as values of their kinds; null counts as not given. Raises `RazorpayError`."""
    extra = [name for name in given if name not in schema]
    if extra:
        why = Why(reason="extra_field_sent")
        raise RazorpayError(f"{', '.join(extra)} is/are not required and should not be sent", why=why, field=extra[0])
    there = {name: value for name, value in given.items() if value is not None}
    return {name: _READERS[schema[name]](name, value) for name, value in there.items()}


def require(params: JsonObject, *names: str) -> None:
    """Refuse when a parameter is missing. Raises `RazorpayError`."""
    for name in names:
        if params.get(name) in (None, ""):
            raise invalid(name, f"The {name} field is required.")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise invalid(name, f"The {name} must be a string.")
    return value


def _integer(name: str, value: object) -> int:
    """An integer, or its digits: the vendor's own examples send `"amount": "100"`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    raise invalid(name, f"The {name} must be an integer.")


def _boolean(name: str, value: object) -> bool:
    if value not in (True, False, 0, 1, "0", "1", "true", "false"):
        raise invalid(name, f"The {name} field must be true or false.")
    return value in (True, 1, "1", "true")


def _notes(name: str, value: object) -> JsonObject:
    if value == []:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, "Notes should be provided as a dictionary")
    if len(value) > _MOST_NOTES:
        raise invalid(name, f"Number of fields in notes should be less than or equal to {_MOST_NOTES}")
    if any(len(str(part)) > _LONGEST_NOTE for pair in value.items() for part in pair):
        raise invalid(name, f"Notes' keys and values may not be greater than {_LONGEST_NOTE} characters.")
    return value


def _object(name: str, value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise invalid(name, f"The {name} must be an array.")
    return value


def _any(_name: str, value: object) -> object:
    return value


_READERS: Final = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.NOTES: _notes,
    Kind.OBJECT: _object,
    Kind.ANY: _any,
}
