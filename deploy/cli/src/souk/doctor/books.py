"""The services' databases as the doctor sees them: one snapshot each, read-only, streamed in pieces."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from common.db import plain_dsn

APPLICATION: Final = "souk-doctor"
_PIECE: Final = 20_000
_SETTINGS: Final = {
    "application_name": APPLICATION,
    "default_transaction_read_only": "on",
    "idle_in_transaction_session_timeout": "0",
    "statement_timeout": "600000",
    "jit": "off",
}


class Book:
    """One service's database, held still in a snapshot."""

    def __init__(self, service: str, connection: asyncpg.Connection) -> None:
        self.service, self._connection = service, connection

    async def rows(self, sql: str, *args: object) -> Sequence[Mapping[str, Any]]:
        """Return a short result whole."""
        found: Sequence[Mapping[str, Any]] = await self._connection.fetch(sql, *args)
        return found

    async def count(self, *tables: str) -> int:
        """Return how many rows these tables have."""
        counts = [await self._connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608 - names from our own code
        return sum(counts)

    async def pieces(self, sql: str, *args: object) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Yield a long result in pieces, so that memory stays bounded whatever its length."""
        cursor = await self._connection.cursor(sql, *args)
        while piece := await cursor.fetch(_PIECE):
            yield piece
            if len(piece) < _PIECE:
                break

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Let statements fail without losing the snapshot."""
        async with self._connection.transaction():
            yield


@asynccontextmanager
async def open_book(service: str, url: str) -> AsyncIterator[Book]:
    """Open a service's database where nothing can be written; the snapshot is taken at once."""
    connection = await asyncpg.connect(plain_dsn(url), timeout=10, server_settings=_SETTINGS)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.close, timeout=5)
        await stack.enter_async_context(connection.transaction(isolation="repeatable_read", readonly=True))
        await connection.fetchval("SELECT 1 FROM pg_class LIMIT 1")
        yield Book(service, connection)


def time_of(id_: UUID) -> datetime:
    """Return when a UUIDv7 was made (RFC 9562, 5.7); the beginning of time for any other UUID, which tells nothing."""
    milliseconds = id_.int >> 80 if id_.version == 7 else 0  # noqa: PLR2004 - as the name says
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
