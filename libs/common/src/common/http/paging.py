"""Cursor paging: `{"items": […], "next_cursor": … | null}`; a cursor fits only the list it came from."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.errors import Invalid

_UUID_BYTES = 16
T = TypeVar("T")
Row = TypeVar("Row")


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

    limit: Annotated[int, BeforeValidator(_plain_integer), Field(ge=1, le=100)] = 20
    cursor: Annotated[str | None, Field(max_length=500)] = None

    def after(self, scope: str) -> UUID | None:
        """Return the id the page starts after; raises BadCursor when the cursor is of another list, user or filter."""
        return Cursor.read(self.cursor, self._scope(scope)) if self.cursor is not None else None

    def page(self, rows: Sequence[Row], scope: str, out: Callable[[Row], T], key: Callable[[Row], UUID]) -> "PageOf[T]":
        """Return one page out of `limit + 1` rows."""
        kept = rows[: self.limit]
        more = len(rows) > self.limit
        return PageOf(
            items=[out(row) for row in kept],
            next_cursor=Cursor.write(key(kept[-1]), self._scope(scope)) if more else None,
        )

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
    def write(position: UUID, scope: str) -> str:
        """Return the cursor for a position."""
        return base64.urlsafe_b64encode(position.bytes + _check(position.bytes, scope)).decode().rstrip("=")

    @staticmethod
    def read(cursor: str, scope: str) -> UUID:
        """Return the position; raises BadCursor."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise BadCursor from error
        position, check = raw[:_UUID_BYTES], raw[_UUID_BYTES:]
        if len(position) != _UUID_BYTES or check != _check(position, scope):
            raise BadCursor
        return UUID(bytes=position)


def _check(position: bytes, scope: str) -> bytes:
    return hashlib.blake2b(position + scope.encode(), digest_size=8, person=b"souk-cursor").digest()


PageQuery = Annotated[Page, Query()]
