"""Trying again what waits: each attempt is counted before it is made, runs alone, and the last one parks."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog

from common.db import Database, fetch, now, wake_after_commit
from common.errors import NotYet
from common.faults import faultpoint
from common.inbox import store
from common.inbox.consumer import describe
from common.inbox.policy import InboxPolicy
from common.inbox.router import EventRouter
from common.inbox.store import Status, Tries
from common.inbox.work import handle, read
from common.tasks import contained, nap
from common.telemetry import Metrics

log = structlog.get_logger(__name__)
_AT_ONCE = 20


class Retries:
    """A service's loop over waiting events; any number of processes may run it."""

    def __init__(
        self, database: Database, router: EventRouter, metrics: Metrics, policy: InboxPolicy | None = None
    ) -> None:
        self._database, self._router, self._metrics = database, router, metrics
        self._policy = policy or InboxPolicy()

    async def run(self) -> None:
        """Work waiting events when woken or due, until cancelled."""
        with self._database.waker.waiting("inbox") as woken:
            while True:
                woken.clear()
                try:
                    count = await contained(self.work_due())
                except Exception:
                    log.exception("retries failed, going on")
                    count = 0
                if not count:
                    await nap(woken, self._policy.poll / self._policy.pace)

    async def work_due(self) -> int:
        """Try every event that is due once; return how many there were."""
        # One at a time: whoever kills its worker must not use up the attempts of those claimed with it.
        for count in range(_AT_ONCE):
            async with self._database.transaction() as session:
                claimed = await store.claim(session, 1, self._policy.lease())
            if not claimed:
                return count
            await faultpoint("inbox.claimed")
            await self._try(claimed[0])
        return _AT_ONCE

    async def _try(self, row: asyncpg.Record) -> None:
        arrival = read(row["body"], self._router)
        if row["attempts"] > self._policy.attempts:
            return await self._later(row, "parked", Tries(row["attempts"], "gave up: each attempt died or hung", None))
        if arrival.refusal:
            return await self._later(row, "parked", Tries(row["attempts"], arrival.refusal, None))
        try:
            async with self._database.transaction() as session:
                if not await store.hold(session, row["id"], row["attempts"]):
                    return None
                await handle([arrival], session, self._policy.handler_limit, self._metrics)
                await store.finish(session, row["id"])
                await fetch(session, _WAKE_NEIGHBOURS, arrival.partition)
                wake_after_commit(session, "inbox")
        except Exception as error:  # noqa: BLE001 - stored with its error
            return await self._failed(row, arrival.type, error)
        self._metrics.handled.labels(arrival.type).inc()
        return None

    async def _failed(self, row: asyncpg.Record, type_: str, error: Exception) -> None:
        not_yet, attempts = isinstance(error, NotYet), row["attempts"]
        age, patience = now() - row["received_at"], timedelta(seconds=self._policy.not_yet_patience / self._policy.pace)
        over = age > patience if not_yet else attempts >= self._policy.attempts
        status: Status = "parked" if over else "waiting"
        self._metrics.failed.labels(type_, "not_yet" if not_yet and not over else status).inc()
        tell = log.error if over else log.warning
        tell("event failed", status=status, type=type_, id=str(row["id"]), attempts=attempts, error=repr(error))
        wait = self._policy.wait_for_prerequisite(age) if not_yet else self._policy.wait(attempts)
        # To have come early is no failure: the attempts that park an event are counted from here.
        tries = Tries(0 if not_yet else attempts, describe(error), None if over else now() + wait, not_yet=not_yet)
        await self._later(row, status, tries)

    async def _later(self, row: asyncpg.Record, status: Status, tries: Tries) -> None:
        async with self._database.transaction() as session:
            await store.postpone(session, (row["id"], row["attempts"]), status, tries)


_WAKE_NEIGHBOURS = """
UPDATE inbox SET next_at = now() WHERE id IN (
    SELECT id FROM inbox WHERE status = 'waiting' AND not_yet AND partition_key = $1 FOR UPDATE SKIP LOCKED)
"""
_LIST = """
SELECT id, type, partition_key, attempts, error, received_at FROM inbox WHERE status = $1 ORDER BY received_at LIMIT $2
"""
_RETRY = """
UPDATE inbox SET status = 'waiting', next_at = now(), attempts = 0
WHERE status = 'parked' AND ($1::uuid[] IS NULL OR id = ANY($1::uuid[])) RETURNING id
"""


async def list_parked(database: Database, limit: int = 100) -> list[asyncpg.Record]:
    """Return the parked events, oldest first: id, type, partition_key, attempts, error, received_at."""
    async with database.reading() as session:
        return await fetch(session, _LIST, "parked", limit)


async def show_parked(database: Database, id_: UUID) -> asyncpg.Record | None:
    """Return one stored event with its bytes, or None."""
    async with database.reading() as session:
        return next(iter(await fetch(session, "SELECT * FROM inbox WHERE id = $1", id_)), None)


async def retry_parked(database: Database, ids: Sequence[UUID] | None = None) -> int:
    """Let parked events be tried again, all of them or these; return how many."""
    async with database.transaction() as session:
        rows = await fetch(session, _RETRY, list(ids) if ids is not None else None)
        wake_after_commit(session, "inbox")
    return len(rows)
