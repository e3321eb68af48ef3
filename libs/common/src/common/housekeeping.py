"""What every service does on the side: gauges, old bodies, old keys, next year's partitions."""

from functools import partial

import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from common.db import Database, fetch
from common.http.idempotency import forget_old_keys
from common.loops import Loop
from common.migrations import coming_partitions
from common.telemetry import Metrics

log = structlog.get_logger(__name__)

_COUNTS = """
SELECT count(*) FILTER (WHERE sent_at IS NULL) AS unsent,
    coalesce(extract(epoch FROM now() - to_timestamp(
        min(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint) FILTER (WHERE sent_at IS NULL) / 1000.0
    )), 0) AS age,
    (SELECT count(*) FROM inbox WHERE status = 'waiting') AS waiting,
    (SELECT count(*) FROM inbox WHERE status = 'parked') AS parked
FROM outbox WHERE sent_at IS NULL
"""
_NULL_OLD_BODIES = """
UPDATE outbox SET body = NULL WHERE id IN (
    SELECT id FROM outbox WHERE body IS NOT NULL AND sent_at < now() - interval '7 days' LIMIT 1000
) RETURNING 1
"""


def housekeeping(database: Database, metrics: Metrics) -> list[Loop]:
    """Return a service's housekeeping loops."""
    return [
        Loop("gauges", partial(_measure, database, metrics), every=5),
        Loop("old bodies", partial(null_old_bodies, database), every=600),
        Loop("old keys", partial(forget_old_keys, database), every=3600),
        Loop("partitions", partial(make_partitions, database), every=86400),
    ]


async def _measure(database: Database, metrics: Metrics) -> int:
    async with database.reading() as session:
        row = (await fetch(session, _COUNTS))[0]
    metrics.outbox_unsent.set(row["unsent"])
    metrics.outbox_age.set(float(row["age"]))
    metrics.inbox_waiting.set(row["waiting"])
    metrics.inbox_parked.set(row["parked"])
    return 0


async def null_old_bodies(database: Database) -> int:
    """Forget the bodies of events sent more than seven days ago; the rows stay as proof. Return how many."""
    async with database.transaction() as session:
        return len(await fetch(session, _NULL_OLD_BODIES))


async def make_partitions(database: Database) -> int:
    """Make the partitions of the coming year where they are missing."""
    for statement in coming_partitions():
        try:
            async with database.transaction() as session:
                await session.execute(text(statement))
        except IntegrityError as error:  # ids from the future lie in the default partition, where they do no harm
            log.warning("partition not made", error=str(error.orig))
    return 0
