"""The relay: the one per service and shard that publishes unsent rows, by advisory lock; others stand by."""

import asyncio
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import structlog

from common.broker import Message, NotConfirmed, Unroutable, Wire
from common.db import Database
from common.events import Lane, with_sequence
from common.faults import faultpoint
from common.outbox.emit import source_of
from common.tasks import contained, nap
from common.telemetry import Metrics
from common.telemetry.spans import published

log = structlog.get_logger(__name__)

_LANES: tuple[Lane, ...] = ("live", "bulk")

# Numbers what has no number yet, by id; the counter moves in the same transaction, so there is no gap.
_TAKE = """
WITH due AS (
    SELECT id, sequence FROM outbox
    WHERE sent_at IS NULL AND shard = $2 AND (retry_at IS NULL OR retry_at <= now()) AND id <> ALL($4::uuid[])
    ORDER BY lane, id LIMIT $3
), fresh AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM due WHERE sequence IS NULL
), counter AS (
    UPDATE outbox_sequence SET last = last + (SELECT count(*) FROM fresh)
    WHERE source = $1 AND EXISTS (SELECT FROM fresh) RETURNING last - (SELECT count(*) FROM fresh) AS base
), numbered AS (
    UPDATE outbox SET sequence = counter.base + fresh.place FROM fresh, counter WHERE outbox.id = fresh.id
    RETURNING outbox.id, outbox.type, outbox.lane, outbox.mandatory, outbox.body, outbox.sequence
)
SELECT * FROM numbered
UNION ALL
SELECT o.id, o.type, o.lane, o.mandatory, o.body, o.sequence FROM outbox o
JOIN due ON due.id = o.id AND due.sequence IS NOT NULL
ORDER BY lane, id
"""
_LEAD = "SELECT CASE WHEN $2 THEN false ELSE pg_try_advisory_lock($1) END"
# A mark that a crash forgets costs one more publish, which inboxes know; waiting for the disk costs every batch.
_MARK = """
UPDATE outbox SET sent_at = now(), error = NULL FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE id = ANY($1::uuid[])
"""
# What cannot be sent steps aside after so many tries, so that it does not stand before the rest.
_POSTPONE = """
UPDATE outbox SET attempts = attempts + 1, error = $2, retry_at = CASE WHEN attempts + 1 >= $3 THEN
    now() + least(60, 0.5 * 2 ^ least(attempts, 10)) * interval '1 second' END
WHERE id = ANY($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class RelayPolicy:
    """How the relay works: rows per round, seconds between polls, and when PostgreSQL drops a frozen leader.

    A row that is not confirmed while others of its batch are goes first in the next one; after so many `tries` it steps
    aside, longer each time.
    """

    batch: int = 250
    poll: float = 1.0
    frozen_after: float = 15.0
    shard: int = 0
    tries: int = 5

    @property
    def idle(self) -> str:
        """After how many milliseconds the server drops a session of ours that says nothing."""
        return str(int(self.frozen_after * 1000))


class Relay:
    """Publishes a shard of a service's outbox while it leads; safe to run in any number of processes.

    While it `stands_by` it does not seek the lead, and gives up the one it has.
    """

    def __init__(self, database: Database, wire: Wire, metrics: Metrics, policy: RelayPolicy | None = None) -> None:
        self._database, self._wire, self._metrics = database, wire, metrics
        self._policy = policy or RelayPolicy()
        self._source = source_of(f"/{database.service}", self._policy.shard)
        self.leading = self.stands_by = False

    async def run(self) -> None:
        """Lead whenever possible, until cancelled."""
        while True:
            try:
                await contained(self._campaign())
            except Exception as error:  # noqa: BLE001 - whatever it was, another campaign follows
                log.warning("relay lost its lead", source=self._source, error=repr(error))
            finally:
                self.leading = False
            await asyncio.sleep(self._policy.poll)

    async def _campaign(self) -> None:
        # The lock belongs to this connection and every statement goes through it: who lost it can mark nothing.
        connection = await asyncpg.connect(
            self._database.dsn,
            timeout=10,
            command_timeout=30,
            server_settings={
                "application_name": f"souk-{self._database.service}-relay",
                "idle_session_timeout": self._policy.idle,
            },
        )
        try:
            key = zlib.crc32(self._source.encode())
            while not await connection.fetchval(_LEAD, key, self.stands_by):  # noqa: ASYNC110 - another process's turn
                await asyncio.sleep(self._policy.poll)
            await connection.execute(
                "INSERT INTO outbox_sequence (source, last) VALUES ($1, 0) ON CONFLICT DO NOTHING", self._source
            )
            await self._lead(connection)
        finally:
            connection.terminate()

    async def _lead(self, connection: asyncpg.Connection) -> None:
        self.leading = True
        log.info("relay leads", source=self._source)
        with self._database.waker.waiting("outbox") as woken:
            while not self.stands_by:
                woken.clear()
                await self._drain(connection)
                await nap(woken, self._policy.poll)

    async def _drain(self, connection: asyncpg.Connection) -> None:
        """Publish until nothing is due or the broker is away; one batch is in flight while the next is read."""
        batch = await self._take(connection, ())
        flight = asyncio.create_task(self._publish(batch))
        try:
            while batch:
                following = await self._take(connection, batch)
                outcomes = await flight
                await faultpoint("relay.confirmed")
                if self.stands_by or not all(map(_known, outcomes)):
                    following = []  # another process does it, or what was not confirmed goes first: later
                flight = asyncio.create_task(self._publish(following))
                await self._settle(connection, batch, outcomes)
                batch = following
        finally:
            flight.cancel()

    async def _take(self, connection: asyncpg.Connection, in_flight: Sequence[Message]) -> list[Message]:
        ids = [message.id for message in in_flight]
        rows = await connection.fetch(_TAKE, self._source, self._policy.shard, self._policy.batch, ids)
        return [_message(row) for row in rows]

    async def _publish(self, batch: Sequence[Message]) -> list[NotConfirmed | None]:
        began = time.time_ns()
        outcomes = await self._wire.publish(batch)
        ended = zip(batch, outcomes, strict=True)
        published(self._database.service, began, ((said.type, said.body, _failure(told)) for said, told in ended))
        return outcomes

    async def _settle(
        self, connection: asyncpg.Connection, batch: Sequence[Message], outcomes: Sequence[NotConfirmed | None]
    ) -> None:
        ended = list(zip(batch, outcomes, strict=True))
        if sent := [message.id for message, outcome in ended if outcome is None]:
            await connection.execute(_MARK, sent)
        if unheard := [message for message, outcome in ended if isinstance(outcome, Unroutable)]:
            log.error("nobody listens: run `souk topology apply`", types=sorted({message.type for message in unheard}))
            await connection.execute(_POSTPONE, [message.id for message in unheard], "nobody listens", 0)
        unsure = [message.id for message, outcome in ended if not _known(outcome)]
        if unsure and len(unsure) < len(batch):  # else the broker is away, which is no row's fault
            await connection.execute(_POSTPONE, unsure, "not confirmed", self._policy.tries)
        self._count(batch, outcomes)

    def _count(self, messages: Sequence[Message], outcomes: Sequence[NotConfirmed | None]) -> None:
        for message, outcome in zip(messages, outcomes, strict=True):
            if outcome is None:
                self._metrics.published.labels(message.type).inc()
            else:
                self._metrics.publish_failures.labels(message.type, _failure(outcome)).inc()


def _failure(outcome: NotConfirmed | None) -> str | None:
    """Return in a word why a message is not known to have arrived."""
    return None if outcome is None else type(outcome).__name__


def _known(outcome: NotConfirmed | None) -> bool:
    return outcome is None or isinstance(outcome, Unroutable)


def _message(row: asyncpg.Record) -> Message:
    body = with_sequence(row["body"], row["sequence"])
    return Message(row["id"], row["type"], _LANES[row["lane"]], body, row["mandatory"])
