"""The time door's machinery: loops that drain work when woken or due, and leases that guard what they do outside."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from common.events import new_id
from common.faults import faultpoint
from common.tasks import contained, nap
from common.telemetry import Metrics
from common.wakeups import Waker

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loop:
    """Work done again and again: `run` does one round and returns how much it found; zero lets the loop sleep.

    It wakes after `every` seconds, or at once when its name is woken (`wake_after_commit(session, name)`).
    """

    name: str
    run: Callable[[], Awaitable[int]]
    every: float


async def run_loop(loop: Loop, waker: Waker, metrics: Metrics) -> None:
    """Run a loop until cancelled; a round that fails is logged and tried again after its pause."""
    with waker.waiting(loop.name) as woken:
        while True:
            woken.clear()
            try:
                found = await contained(loop.run())
                metrics.loop_runs.labels(loop.name).inc(found)
            except Exception:
                log.exception("loop round failed", loop=loop.name)
                metrics.loop_errors.labels(loop.name).inc()
                found = 0
            if not found:
                await nap(woken, loop.every)


class Leased(MappedAsDataclass, kw_only=True):
    """Columns of a row that a loop works on: when it is due, who holds it and until when, how often it was tried."""

    due_at: Mapped[datetime | None] = mapped_column(default=None, index=True)
    lease: Mapped[UUID | None] = mapped_column(default=None)
    leased_until: Mapped[datetime | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(default=None)

    def done(self) -> None:
        """Give the lease back: nothing more to do."""
        self.due_at = self.lease = self.leased_until = None

    def again(self, at: datetime, error: str | None = None) -> None:
        """Give the lease back and come again at that time."""
        self.lease = self.leased_until = None
        self.due_at, self.last_error = at, error


Row = TypeVar("Row", bound=Leased)


class LeaseLost(Exception):  # noqa: N818 - somebody else goes on with it
    """Another worker has taken the row over: what was learned must be filed as a fact, not as the outcome."""


async def claim(
    session: AsyncSession, model: type[Row], *where: ColumnElement[bool], lease: timedelta, limit: int = 10
) -> Sequence[Row]:
    """Take due rows nobody holds, and count the attempt; commit before using them outside."""
    # The database's clock, for it is the one that all who hold leases share.
    clock = func.clock_timestamp()
    free = or_(model.leased_until.is_(None), model.leased_until < clock)
    query = select(model, clock).where(model.due_at <= clock, free, *where).order_by(model.due_at).limit(limit)
    rows = []
    for row, moment in await session.execute(query.with_for_update(skip_locked=True, of=model)):
        row.lease, row.leased_until = new_id(), moment + lease
        row.attempts += 1
        rows.append(row)
    return rows


async def under_lease(session: AsyncSession, held: Row) -> Row:
    """Return the row locked for writing the outcome; raises LeaseLost when the lease that made the call is gone."""
    await faultpoint("loop.called")
    identity: Any = held
    row = await session.get(type(held), identity.id, with_for_update=True, populate_existing=True)
    if row is None or row.lease != held.lease:
        raise LeaseLost
    return row


async def renew(session: AsyncSession, held: Leased, lease: timedelta) -> None:
    """Hold a row for so much longer; raises LeaseLost when somebody else has taken it over."""
    row = await under_lease(session, held)
    row.leased_until = (await session.scalars(select(func.clock_timestamp()))).one() + lease
