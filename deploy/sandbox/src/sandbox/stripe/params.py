"""Checks of request parameters before anything runs, with the codes of docs.stripe.com/error-codes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sandbox.provider import JsonObject
from sandbox.stripe.errors import ParamsError

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_MOST_KEYS, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500  # docs.stripe.com/api/metadata


class Kind(Enum):
    """What a parameter holds."""

    TEXT = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "array"
    OBJECT = "object"
    METADATA = "metadata"
    ANY = "any"


@dataclass(frozen=True)
class Field:
    """One parameter; `choices` are the only strings allowed, if any are given."""

    kind: Kind
    choices: tuple[str, ...] = ()
    required: bool = False


TEXT, INTEGER, BOOLEAN = Field(Kind.TEXT), Field(Kind.INTEGER), Field(Kind.BOOLEAN)
LIST, OBJECT, METADATA, ANY = Field(Kind.LIST), Field(Kind.OBJECT), Field(Kind.METADATA), Field(Kind.ANY)

Schema = Mapping[str, Field]


def read(schema: Schema, given: JsonObject, within: str = "") -> JsonObject:
    """The parameters as values of their kinds; an empty string means unset: None. Raises `ParamsError`.

    `within` names the parameter these are part of, for messages: `payment_intent_data`.
    """
    unknown = [_full(within, name) for name in given if name not in schema]
    if unknown:
        message = f"Received unknown parameter{'s' if unknown[1:] else ''}: {', '.join(unknown)}"
        raise ParamsError(message, code="parameter_unknown", param=unknown[0])
    for name, field in schema.items():
        if field.required and name not in given:
            missing = _full(within, name)
            raise ParamsError(f"Missing required param: {missing}.", code="parameter_missing", param=missing)
    return {name: _value(_full(within, name), schema[name], value) for name, value in given.items()}


def _full(within: str, name: str) -> str:
    return f"{within}[{name}]" if within else name


def _value(name: str, field: Field, value: object) -> object:
    if value == "":
        if field.required:
            message = (
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter;"
                f" however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty"
                " value."
            )
            raise ParamsError(message, code="parameter_invalid_empty", param=name)
        return {} if field.kind is Kind.METADATA else None
    return _READERS[field.kind](name, field, value)


def _text(name: str, field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise ParamsError(f"Invalid string: {name}", param=name)
    if field.choices and value not in field.choices:
        listed = ", ".join(field.choices[:-1]) + f", or {field.choices[-1]}"
        raise ParamsError(f"Invalid {name}: must be one of {listed}", param=name)
    return value


def _integer(name: str, _field: Field, value: object) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise ParamsError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def _boolean(name: str, _field: Field, value: object) -> bool:
    if value not in {"true", "false", "True", "False", "1", "0"}:
        raise ParamsError(f"Invalid boolean: {value}", param=name)
    return value in {"true", "True", "1"}


def _list(name: str, _field: Field, value: object) -> list[object]:
    if not isinstance(value, list):
        raise ParamsError("Invalid array", param=name)
    return value


def _object(name: str, _field: Field, value: object) -> JsonObject:
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    if not isinstance(value, dict):
        raise ParamsError("Invalid object", param=name)
    return value


def _metadata(name: str, field: Field, value: object) -> JsonObject:
    pairs = _object(name, field, value)
    if len(pairs) > _MOST_KEYS:
        raise ParamsError(f"Metadata can have up to {_MOST_KEYS} keys.", param=name)
    for key, text in pairs.items():
        if len(key) > _LONGEST_KEY:
            raise ParamsError(f"Metadata keys can be up to {_LONGEST_KEY} characters long.", param=f"{name}[{key}]")
        if not isinstance(text, str) or len(text) > _LONGEST_VALUE:
            raise ParamsError(f"Metadata values can be up to {_LONGEST_VALUE} characters long.", param=f"{name}[{key}]")
    return pairs


def _any(_name: str, _field: Field, value: object) -> object:
    return value


_READERS = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.LIST: _list,
    Kind.OBJECT: _object,
    Kind.METADATA: _metadata,
    Kind.ANY: _any,
}


def refuse_method_types(params: JsonObject) -> None:
    """Refuse a parameter that ended with version 2026-09-30.endive. Raises `ParamsError`.

    Follows docs.stripe.com/changelog/endive/2026-09-30, on PaymentIntents and on Checkout Sessions.
    """
    if "payment_method_types" in params:
        message = "payment_method_types is no longer supported. Use allowed_payment_method_types instead."
        raise ParamsError(message, code="payment_method_types_no_longer_supported", param="payment_method_types")


def merged_metadata(old: JsonObject, new: JsonObject) -> JsonObject:
    """Metadata after an update: keys are added or replaced, an empty value removes (docs.stripe.com/api/metadata)."""
    if not new:
        return {}
    return {key: value for key, value in {**old, **new}.items() if value != ""}
