"""Looking at parked events and letting them be tried again."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from common.inbox.retries import list_parked, retry_parked, show_parked
from souk.connect import open_databases
from souk.home import Home


async def listing(home: Home, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every parked event of every service, oldest first."""
    async with open_databases(home, given) as databases:
        return [
            {"service": service, **dict(row)}
            for service, database in databases.items()
            for row in await list_parked(database)
        ]


async def showing(home: Home, given: Mapping[str, str], event_id: UUID) -> list[dict[str, Any]]:
    """Return what each service has stored of an event, its body readable where it can be."""
    found = []
    async with open_databases(home, given) as databases:
        for service, database in databases.items():
            row = await show_parked(database, event_id)
            if row is not None:
                found.append({"service": service, **dict(row), "body": readable(row["body"])})
    return found


async def retrying(home: Home, given: Mapping[str, str], service: str | None, event_id: UUID | None) -> int:
    """Let parked events be tried again: one, a service's, or all. Return how many."""
    async with open_databases(home, given) as databases:
        chosen = [database for name, database in databases.items() if service in {None, name}]
        return sum([await retry_parked(database, [event_id] if event_id else None) for database in chosen])


def readable(body: bytes | None) -> object:
    """Return what stored bytes say, as JSON where they are."""
    if body is None:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return repr(body)
