"""Taking deliveries: a whole batch in one transaction while all goes well, one by one when something does not."""

from collections import Counter
from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from common.broker import Delivery
from common.db import Database, now, wake_after_commit
from common.errors import NotYet
from common.faults import faultpoint
from common.inbox import store
from common.inbox.policy import InboxPolicy
from common.inbox.router import EventRouter
from common.inbox.store import Tries
from common.inbox.work import Arrival, handle, read
from common.telemetry import Metrics

log = structlog.get_logger(__name__)


class Inbox:
    """A service's inbox: `take` returns once every delivery is stored, so that it may be acknowledged."""

    def __init__(
        self, database: Database, router: EventRouter, metrics: Metrics, policy: InboxPolicy | None = None
    ) -> None:
        self._database, self._router, self._metrics = database, router, metrics
        self._policy = policy or InboxPolicy()

    async def take(self, deliveries: Sequence[Delivery]) -> None:
        """Store and work a batch; raises only when nothing could be stored."""
        again = [read(delivery.body, self._router) for delivery in deliveries if delivery.redelivered]
        new = [read(delivery.body, self._router) for delivery in deliveries if not delivery.redelivered]
        refused = [arrival for arrival in (*again, *new) if arrival.refusal]
        ready = sorted({a.id: a for a in new if not a.refusal}.values(), key=lambda arrival: arrival.id)
        if ready:
            self._metrics.lag.observe(ready[0].age)
        for arrival in refused:
            await self._keep(arrival, Tries(0, arrival.refusal, None))
        # Whoever had a redelivered event may have died of it: it is stored first, and tried alone by the retries.
        for arrival in (a for a in again if not a.refusal):
            await self._keep(arrival, Tries(0, "redelivered", now()))
        if ready and not await self._work_together(ready):
            for arrival in ready:
                await self._work_alone(arrival)

    async def _work_together(self, arrivals: Sequence[Arrival]) -> bool:
        try:
            async with self._database.transaction() as session:
                fresh = await self._work(arrivals, session)
        except Exception as error:  # noqa: BLE001 - whichever event it was is found out one by one
            log.info("batch goes one by one", size=len(arrivals), error=repr(error))
            return False
        await self._committed(fresh)
        return True

    async def _work(self, arrivals: Sequence[Arrival], session: AsyncSession) -> list[Arrival]:
        ids, woken = await store.take(session, arrivals)
        fresh = [arrival for arrival in arrivals if arrival.id in ids]
        await faultpoint("inbox.inserted")
        await handle(fresh, session, self._policy.handler_limit, self._metrics)
        if woken:
            wake_after_commit(session, "inbox")
        return fresh

    async def _work_alone(self, arrival: Arrival) -> None:
        try:
            async with self._database.transaction() as session:
                fresh = await self._work([arrival], session)
        except Exception as error:  # noqa: BLE001 - stored with its error and tried again
            await self._fail(arrival, error)
        else:
            await self._committed(fresh)

    async def _fail(self, arrival: Arrival, error: Exception) -> None:
        not_yet = isinstance(error, NotYet)
        log.warning("event waits", type=arrival.type, id=str(arrival.id), error=repr(error), not_yet=not_yet)
        self._metrics.failed.labels(arrival.type, "not_yet" if not_yet else "error").inc()
        tries = Tries(0 if not_yet else 1, describe(error), now() + self._policy.wait(1), not_yet=not_yet)
        await self._keep(arrival, tries)

    async def _keep(self, arrival: Arrival, tries: Tries) -> None:
        async with self._database.transaction() as session:
            await store.keep(session, arrival, "parked" if arrival.refusal else "waiting", tries)
            wake_after_commit(session, "inbox")
        if arrival.refusal:
            log.error("event parked", type=arrival.type, id=str(arrival.id), reason=arrival.refusal)

    async def _committed(self, fresh: Sequence[Arrival]) -> None:
        for type_, count in Counter(arrival.type for arrival in fresh).items():
            self._metrics.handled.labels(type_).inc(count)
        await faultpoint("inbox.committed")


def describe(error: Exception) -> str:
    """Return what is kept of an error: its type and the start of its words."""
    return f"{type(error).__name__}: {error}"
