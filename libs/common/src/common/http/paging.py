"""Cursor paging: `{"items": […], "next_cursor": … | null}`; a cursor fits only the list it came from."""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.errors import Invalid

_UUID_BYTES, _CHECK_BYTES = 16, 8
T = TypeVar("T")
Row = TypeVar("Row")
# What the page was sorted by before the id, or None.
Key = str | int | float | None
Position = tuple[UUID, Key]


class BadCursor(Invalid):
    """The cursor does not belong to this list."""


def _plain_integer(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        message = "write a whole number in decimal digits"
        raise ValueError(message)
    return value


class Page(BaseModel):
    """The paging parameters of every list; derive from it to add filters."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100), BeforeValidator(_plain_integer)] = 20
    cursor: Annotated[str | None, Field(max_length=1000)] = None

    def after(self, scope: str) -> UUID | None:
        """Return the id the page starts after; raises BadCursor when the cursor is of another list, user or filter."""
        position = self.position(scope)
        return position and position[0]

    def position(self, scope: str) -> Position | None:
        """Return where in a sorted list the page starts after; raises BadCursor as `after` does."""
        return Cursor.read(self.cursor, self._scope(scope)) if self.cursor is not None else None

    def page(self, rows: Sequence[Row], scope: str, out: Callable[[Row], T], key: Callable[[Row], UUID]) -> "PageOf[T]":
        """Return one page out of `limit + 1` rows."""
        return PageOf(
            items=[out(row) for row in rows[: self.limit]],
            next_cursor=self.next(rows, scope, lambda row: (key(row), None)),
        )

    def next(self, rows: Sequence[Row], scope: str, place: Callable[[Row], Position]) -> str | None:
        """Return the cursor behind this page out of `limit + 1` rows, or None where the list ends."""
        if len(rows) <= self.limit:
            return None
        return Cursor.write(place(rows[self.limit - 1]), self._scope(scope))

    def _scope(self, scope: str) -> str:
        filters = self.model_dump(exclude={"cursor", "limit"}, mode="json")
        return f"{scope}:{sorted(filters.items())}"


class PageOf(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None


class Cursor:
    """Reads and writes opaque cursors: a position with a checksum over the list it belongs to."""

    @staticmethod
    def write(position: Position, scope: str) -> str:
        """Return the cursor for a position."""
        id_, key = position
        raw = id_.bytes + (b"" if key is None else json.dumps(key, ensure_ascii=False).encode())
        return base64.urlsafe_b64encode(raw + _check(raw, scope)).decode().rstrip("=")

    @staticmethod
    def read(cursor: str, scope: str) -> Position:
        """Return the position; raises BadCursor."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            known, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
            if len(known) < _UUID_BYTES or check != _check(known, scope):
                raise BadCursor
            return UUID(bytes=known[:_UUID_BYTES]), _key(known[_UUID_BYTES:])
        except ValueError as error:
            raise BadCursor from error


def _key(written: bytes) -> Key:
    key = json.loads(written) if written else None
    if isinstance(key, (str, int, float, type(None))) and not (isinstance(key, float) and not math.isfinite(key)):
        return key
    raise BadCursor


def _check(position: bytes, scope: str) -> bytes:
    return hashlib.blake2b(position + scope.encode(), digest_size=_CHECK_BYTES, person=b"souk-cursor").digest()


PageQuery = Annotated[Page, Query()]
