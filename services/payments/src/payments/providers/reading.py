"""Reading what providers send: strict in what matters, and everything of another shape fails in one way."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from payments.errors import MalformedWebhook, UnknownOutcome, Unreadable

Json = dict[str, Any]
SHAPELESS: Final = (LookupError, TypeError, ValueError, AttributeError)
_LONGEST_TOKEN: Final = 255
_LARGEST: Final = 10**15


def whole(value: object) -> int:
    """Return an amount or a time; raises TypeError for what only looks like one, ValueError for what cannot be one."""
    if type(value) is not int:
        raise TypeError(f"{value!r} is no integer")
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{value} is no amount and no time")
    return value


def text(value: object) -> str:
    """Return an id or a code; raises TypeError for what cannot be one."""
    if not _is_token(value):
        raise TypeError(f"{value!r:.300} is no id")
    return str(value)


def flag(value: object) -> bool:
    """Return a boolean; raises TypeError for anything that only counts as one."""
    if not isinstance(value, bool):
        raise TypeError(f"{value!r:.300} is neither true nor false")
    return value


def word(*values: object) -> str:
    """Return the first of these that can be a reason, "" where none is: a reason decides nothing."""
    return next((str(value) for value in values if _is_token(value)), "")


def moment(seconds: object) -> datetime:
    """Return the time of a Unix timestamp."""
    return datetime.fromtimestamp(whole(seconds), UTC)


def our_id(pairs: object, name: str) -> UUID | None:
    """Return an id of ours that we attached to an object, None where there is none. No pairs may be null or []."""
    given = pairs.get(name) if isinstance(pairs, dict) else None
    try:
        return UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None


def token(value: object) -> str:
    """Return an identity or a type; raises MalformedWebhook for what cannot be one."""
    if not _is_token(value):
        raise MalformedWebhook
    return str(value)


def event_of(body: bytes) -> Json:
    """Return a webhook's JSON object; raises MalformedWebhook."""
    try:
        event = orjson.loads(body)
    except ValueError as error:
        raise MalformedWebhook from error
    if not isinstance(event, dict):
        raise MalformedWebhook
    return event


def one_header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header's value, None unless it is there exactly once."""
    values = [value for key, value in headers.items() if key.lower() == name]
    return values[0] if len(values) == 1 else None


@contextmanager
def documented(what: str) -> Iterator[None]:
    """Read an answer; raises UnknownOutcome when it is not what the provider documents."""
    try:
        yield
    except SHAPELESS as error:
        raise UnknownOutcome(f"an answer that is no {what}: {error!r}") from error


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Read a genuine event; raises Unreadable when its content is not what the provider documents."""
    try:
        yield
    except SHAPELESS as error:
        raise Unreadable(f"{what}: {error!r}") from error


def _is_token(value: object) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TOKEN:
        return False
    return value.isascii() and value.isprintable()
