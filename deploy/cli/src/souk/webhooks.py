"""Looking at what providers have told payments, and letting it be applied again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from common.db import Database, fetch, wake_after_commit
from souk.connect import open_databases
from souk.home import Home
from souk.parked import readable

_LIST: Final = """
SELECT id, provider, event_ref, type, origin, status, attempts, received_at, last_error FROM provider_events
WHERE ($1::text IS NULL OR provider = $1) AND ($2::text IS NULL OR status = $2)
    AND ($3::interval IS NULL OR received_at >= now() - $3::interval)
ORDER BY id DESC LIMIT $4
"""
_SHOW: Final = "SELECT * FROM provider_events WHERE id::text = $1 OR event_ref = $1 ORDER BY id"
# The status stays, for it tells that webhook.received was told of: applying it again changes what is not so yet.
_REPLAY: Final = """
UPDATE provider_events SET due_at = now(), lease = NULL, leased_until = NULL, attempts = 0
WHERE id::text = ANY($1::text[]) OR event_ref = ANY($1::text[]) OR status = ANY($2::text[]) RETURNING id
"""


@asynccontextmanager
async def _payments(home: Home, given: Mapping[str, str]) -> AsyncIterator[Database]:
    async with open_databases(home, given) as databases:
        yield databases["payments"]


async def listing(
    home: Home,
    given: Mapping[str, str],
    wanted: tuple[str | None, str | None, timedelta | None],
    limit: int,
) -> list[dict[str, Any]]:
    """Return stored events, newest first, of a provider, a status and an age, each of them or any."""
    async with _payments(home, given) as database, database.reading() as session:
        return [dict(row) for row in await fetch(session, _LIST, *wanted, limit)]


async def showing(home: Home, given: Mapping[str, str], name: str) -> list[dict[str, Any]]:
    """Return the events of an id, ours or the provider's, their bodies readable where they can be."""
    async with _payments(home, given) as database, database.reading() as session:
        return [{**dict(row), "body": readable(row["body"])} for row in await fetch(session, _SHOW, name)]


async def replaying(home: Home, given: Mapping[str, str], names: Sequence[str], statuses: Sequence[str]) -> int:
    """Let events be applied again, by their ids (ours or the provider's) and by status; return how many."""
    async with _payments(home, given) as database, database.transaction() as session:
        rows = await fetch(session, _REPLAY, list(names), list(statuses))
        wake_after_commit(session, "apply facts")
    return len(rows)
