"""The inbox at saturation: a fact's one-row effect, exactly once, beside the bare consumers that do the same."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import BigInteger, Column, MetaData, Table, insert
from sqlalchemy.dialects.postgresql import UUID as PG_UUID

from bench import broker
from bench.facts import EXTRA_TABLES, Sold, SoldCore, SoldMany, bodies
from bench.machines import Machines
from bench.rounds import Contestant, Measured, alternate, compare
from common.broker import Delivery, RabbitWire
from common.db import fetch, open_database, plain_dsn
from common.inbox import EventRouter, Inbox
from common.telemetry import Metrics

COUNT = 2000
_EFFECT = "INSERT INTO effects (subject, amount) VALUES ($1, $2)"
_EFFECTS = "INSERT INTO effects (subject, amount) SELECT * FROM unnest($1::uuid[], $2::bigint[])"
_SEEN = "INSERT INTO seen (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id"
_table = Table("effects", MetaData(), Column("subject", PG_UUID(as_uuid=True)), Column("amount", BigInteger))

events = EventRouter("bench")


@events.on(Sold)
async def _through_fetch(event, session) -> None:
    await fetch(session, _EFFECT, event.order_id, event.total.amount)


@events.on(SoldCore)
async def _through_core(event, session) -> None:
    await session.execute(insert(_table).values(subject=event.order_id, amount=event.total.amount))


@events.on_many(SoldMany)
async def _in_sets(facts, session) -> None:
    await fetch(session, _EFFECTS, [f.order_id for f in facts], [f.total.amount for f in facts])


async def measure(machines: Machines) -> Measured:
    """Drain a full queue in each way in turn."""
    url, amqp = await machines.machinery("bench_inbox", *EXTRA_TABLES), machines.rabbitmq.amqp_url
    await broker.declare(amqp)
    database = open_database(url, "bench")
    pool = await asyncpg.connect(plain_dsn(url))
    contestants: dict[str, Contestant] = {
        "bare batch": lambda: _bare(amqp, pool, one_by_one),
        "on + fetch": lambda: _ours(amqp, Inbox(database, events, Metrics("bench")), Sold),
        "on + Core": lambda: _ours(amqp, Inbox(database, events, Metrics("bench")), SoldCore),
        "bare set": lambda: _bare(amqp, pool, _set),
        "on_many": lambda: _ours(amqp, Inbox(database, events, Metrics("bench")), SoldMany),
    }
    found = await alternate(contestants)
    effects = (await pool.fetchval("SELECT count(*) FROM effects")) / COUNT
    assert effects == len(contestants) * len(found["on_many"]), "every event has one effect"
    await pool.close()
    await database.close()
    return Measured(
        "inbox",
        f"{COUNT} events of 0.9 KB in a quorum queue, each with a one-row effect, from the first delivery on",
        [
            compare(found, "inbox, `@events.on`, effect by `fetch`", ("on + fetch", "bare batch"), 0.8),
            compare(found, "inbox, `@events.on`, effect by SQLAlchemy Core", ("on + Core", "bare batch"), 0.4),
            compare(found, "inbox, `@events.on_many`", ("on_many", "bare set"), 0.7),
        ],
    )


async def _ours(amqp: str, inbox: Inbox, kind: type[Sold]) -> float:
    await broker.fill(amqp, bodies(COUNT, kind), kind.wire)
    wire, left, done, started = RabbitWire(amqp), COUNT, asyncio.Event(), 0.0

    async def sink(batch: Sequence[Delivery]) -> None:
        nonlocal left, started
        started = started or time.perf_counter()
        await inbox.take(batch)
        left -= len(batch)
        if left <= 0:
            done.set()

    consumer = asyncio.create_task(wire.consume(broker.QUEUE, "live", sink))
    await done.wait()
    rate = COUNT / (time.perf_counter() - started)
    await asyncio.sleep(0.05)  # the last acknowledgement
    consumer.cancel()
    with suppress(asyncio.CancelledError):
        await consumer
    return rate


Work = Callable[[asyncpg.Connection, list[tuple[UUID, UUID, int]]], Awaitable[None]]


async def _bare(amqp: str, connection: asyncpg.Connection, work: Work) -> float:
    await broker.fill(amqp, bodies(COUNT), Sold.wire)
    started = 0.0

    async def take(batch: broker.Batch) -> None:
        nonlocal started
        started = started or time.perf_counter()
        await bare_take(connection, work, batch)

    await broker.consume(amqp, COUNT, take)
    return COUNT / (time.perf_counter() - started)


async def bare_take(connection: asyncpg.Connection, work: Work, batch: broker.Batch) -> None:
    """Do what the inbox does for a batch, with nothing of ours."""
    found = [orjson.loads(message.body) for message in batch]
    rows = [(UUID(e["id"]), UUID(e["data"]["order_id"]), e["data"]["total"]["amount"]) for e in found]
    async with connection.transaction():
        new = {row["id"] for row in await connection.fetch(_SEEN, [row[0] for row in rows])}
        await work(connection, [row for row in rows if row[0] in new])


async def one_by_one(connection: asyncpg.Connection, rows: list[tuple[UUID, UUID, int]]) -> None:
    """Write the effects one after the other."""
    for _, subject, amount in rows:
        await connection.execute(_EFFECT, subject, amount)


async def _set(connection: asyncpg.Connection, rows: list[tuple[UUID, UUID, int]]) -> None:
    await connection.execute(_EFFECTS, [row[1] for row in rows], [row[2] for row in rows])
