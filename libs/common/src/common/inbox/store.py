"""The inbox table's statements: dedupe, claim, finish, park. Compiled SQL, one round trip each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import fetch
from common.inbox.work import Arrival

Status = Literal["done", "waiting", "parked"]

# New ids are stored as done, for the same transaction does the work; neighbours that came too early are woken.
_TAKE = """
WITH fresh AS (
    INSERT INTO inbox (id, type, source, partition_key, sequence, status)
    SELECT a.*, 'done' FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[]) a
    ON CONFLICT (id) DO NOTHING RETURNING id
), woken AS (
    UPDATE inbox SET next_at = now() WHERE id IN (
        SELECT id FROM inbox WHERE status = 'waiting' AND not_yet AND partition_key = ANY($4::text[])
        FOR UPDATE SKIP LOCKED
    ) RETURNING id
)
SELECT id, (SELECT count(*) FROM woken) AS woken FROM fresh
"""
_KEEP = """
INSERT INTO inbox (id, type, source, partition_key, sequence, status, body, error, attempts, next_at, not_yet)
SELECT a.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bytea[],
    $8::text[], $9::int[], $10::timestamptz[], $11::boolean[]) a
ON CONFLICT (id) DO NOTHING RETURNING id
"""
_CLAIM = """
UPDATE inbox SET attempts = attempts + 1, next_at = now() + $2::interval WHERE id IN (
    SELECT id FROM inbox WHERE status = 'waiting' AND next_at <= now() ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING id, body, attempts, received_at, not_yet
"""
_HOLD = "SELECT id FROM inbox WHERE id = $1 AND status = 'waiting' AND attempts = $2 FOR UPDATE"
_DONE = "UPDATE inbox SET status = 'done', done_at = now(), body = NULL, error = NULL, next_at = NULL WHERE id = $1"
_LATER = """
UPDATE inbox SET status = $3, error = $4, next_at = $5, not_yet = $6, attempts = $7
WHERE id = $1 AND status = 'waiting' AND attempts = $2
"""


def _columns(arrivals: Sequence[Arrival]) -> tuple[list[object], ...]:
    rows = [
        (
            a.id,
            a.type,
            a.envelope.source if a.envelope else "",
            a.partition,
            a.envelope.sequence if a.envelope else None,
        )
        for a in arrivals
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))


async def take(session: AsyncSession, arrivals: Sequence[Arrival]) -> tuple[set[UUID], bool]:
    """Store new ids as done; return which were new, and whether a waiting neighbour was woken."""
    rows = await fetch(session, _TAKE, *_columns(arrivals))
    return {row["id"] for row in rows}, any(row["woken"] for row in rows)


async def keep(session: AsyncSession, arrival: Arrival, status: Status, tries: "Tries") -> bool:
    """Store an event with its bytes, waiting or parked; return False when its id is there already."""
    extra = ([status], [arrival.body], [tries.error], [tries.attempts], [tries.next_at], [tries.not_yet])
    return bool(await fetch(session, _KEEP, *_columns([arrival]), *extra))


async def claim(session: AsyncSession, count: int, lease: timedelta) -> list[asyncpg.Record]:
    """Count an attempt on due events, before it is made; return id, body, attempts, received_at, not_yet."""
    return await fetch(session, _CLAIM, count, lease)


async def hold(session: AsyncSession, id_: UUID, attempts: int) -> bool:
    """Lock a claimed event for this transaction; False when another has it or it is done."""
    return bool(await fetch(session, _HOLD, id_, attempts))


async def finish(session: AsyncSession, id_: UUID) -> None:
    """Mark a held event done."""
    await fetch(session, _DONE, id_)


async def postpone(session: AsyncSession, claimed: tuple[UUID, int], status: Status, tries: "Tries") -> None:
    """Leave an event, claimed as its nth attempt, waiting for another try, or park it."""
    args = (status, tries.error, tries.next_at, tries.not_yet, tries.attempts)
    await fetch(session, _LATER, *claimed, *args)


class Tries:
    """What is known of an event's attempts."""

    __slots__ = ("attempts", "error", "next_at", "not_yet")

    def __init__(self, attempts: int, error: str | None, next_at: datetime | None, *, not_yet: bool = False) -> None:
        self.attempts, self.next_at, self.not_yet = attempts, next_at, not_yet
        # An error may quote anything; what PostgreSQL cannot store would keep the event from being stored.
        self.error = None if error is None else error.encode(errors="replace").decode().replace("\x00", "")[:500]
