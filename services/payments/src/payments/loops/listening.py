"""Working the events that are stored, and fetching those that no webhook brought."""

from datetime import timedelta
from uuid import UUID

import structlog

from common.db import now
from common.events import Trace
from common.faults import faultpoint
from common.loops import LeaseLost, claim, renew, under_lease
from common.telemetry import tracing
from payments.actions.events import apply_event, postpone_event, store_listed
from payments.loops.world import World, in_words
from payments.models import Cursor, ProviderEvent

log = structlog.get_logger(__name__)
_AT_ONCE = 50
_LISTING_LEASE = timedelta(minutes=1)  # longer than a page takes; each page that comes renews it
_FIRST_LOOK_BACK = timedelta(hours=1)


async def apply_stored_events(world: World) -> int:
    """Apply what is stored and due, each event in a transaction of its own."""
    for done in range(_AT_ONCE):
        if not await _apply_one(world):
            return done
    return _AT_ONCE


async def _apply_one(world: World) -> bool:
    event_id: UUID | None = None
    try:
        async with world.database.transaction() as session:
            for event in await claim(session, ProviderEvent, lease=world.patience.lease, limit=1):
                event_id = event.id
                with tracing(Trace(channel="WEBHOOK", causation_id=str(event.id))):
                    await apply_event(session, event, world.providers, world.patience)
    except Exception as error:
        if event_id is None:
            raise
        log.exception("provider event not applied", id=str(event_id))
        await _postpone(world, event_id, repr(error))
    await faultpoint("loop.written")
    return event_id is not None


async def _postpone(world: World, event_id: UUID, error: str) -> None:
    async with world.database.transaction() as session:
        event = await session.get(ProviderEvent, event_id, with_for_update=True)
        if event is not None and event.due_at is not None:
            postpone_event(event, error, now() + world.patience.retry(event.attempts + 1))


class Backfill:
    """Reads a provider's own list of events: at the start, and again every so often, with an overlap."""

    def __init__(self, world: World, provider: str) -> None:
        self.name = provider
        self._world, self._started = world, False

    async def run(self) -> int:
        """Store what is missing; return how many events those were."""
        cursor = await self._claim()
        if cursor is None:
            return 0
        try:
            return await self._list(cursor)
        except LeaseLost:
            log.info("events listed by another worker", provider=self.name)
            return 0

    async def _list(self, cursor: Cursor) -> int:
        began, found, error = now(), 0, None
        try:
            found = await self._read(cursor)
        except LeaseLost:
            raise
        except Exception as trouble:  # noqa: BLE001 - whatever it was, the list is asked for again
            log.warning("events not listed", provider=self.name, error=in_words(trouble))
            error = in_words(trouble)
        async with self._world.database.transaction() as session:
            row = await under_lease(session, cursor)
            if error is None:
                row.since, row.attempts = began, 0
            patience = self._world.patience
            pause = patience.retry(row.attempts) if error else patience.backfill_every
            row.again(now() + pause, error)
        return found

    async def _claim(self) -> Cursor | None:
        async with self._world.database.transaction() as session:
            cursor = await session.get(Cursor, self.name, with_for_update=True)
            if cursor is None:
                session.add(Cursor(id=self.name, since=now() - _FIRST_LOOK_BACK, due_at=now()))
                await session.flush()
            elif not self._started:
                cursor.due_at = now()
            self._started = True
            rows = await claim(session, Cursor, Cursor.id == self.name, lease=_LISTING_LEASE)
        return next(iter(rows), None)

    async def _read(self, cursor: Cursor) -> int:
        found = 0
        since = cursor.since - self._world.patience.backfill_overlap
        async for page in self._world.providers[self.name].events_since(since):
            async with self._world.database.transaction() as session:
                await renew(session, cursor, _LISTING_LEASE)
                found += await store_listed(session, self.name, page)
        return found
