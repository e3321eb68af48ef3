"""The relay at saturation: read, publish, confirm, mark; beside bare publishing that neither reads nor marks."""

import asyncio
import time
from contextlib import suppress

import asyncpg

from bench import broker
from bench.facts import EXTRA_TABLES, Sold, bodies
from bench.machines import Machines
from bench.rounds import Measured, alternate, compare
from common.broker import RabbitWire
from common.db import Database, open_database, plain_dsn
from common.events import Envelope
from common.outbox import Relay
from common.telemetry import Metrics

COUNT = 10_000
_INSERT = """
INSERT INTO outbox (id, type, subject, body)
SELECT id, $2, id::text, body FROM unnest($1::uuid[], $3::bytea[]) AS given (id, body)
"""


async def measure(machines: Machines) -> Measured:
    """Drain a full outbox, and publish as many messages barely, in turn."""
    url, amqp = await machines.machinery("bench_relay", *EXTRA_TABLES), machines.rabbitmq.amqp_url
    await broker.declare(amqp)
    database, connection = open_database(url, "bench"), await asyncpg.connect(plain_dsn(url))
    found = await alternate({"bare aio-pika": lambda: _bare(amqp), "relay": lambda: _ours(amqp, database, connection)})
    await connection.close()
    await database.close()
    return Measured(
        "relay",
        f"{COUNT} rows of 0.9 KB, to a quorum queue",
        [compare(found, "relay at saturation", ("relay", "bare aio-pika"), 0.8)],
    )


async def _bare(amqp: str) -> float:
    given = bodies(COUNT)
    started = time.perf_counter()
    async with broker.channel(amqp, confirms=True) as opened:
        await broker.publish(opened, given, Sold.wire)
        rate = COUNT / (time.perf_counter() - started)
    await broker.purge(amqp)
    return rate


async def _ours(amqp: str, database: Database, connection: asyncpg.Connection) -> float:
    given = [Envelope.parse(body) for body in bodies(COUNT)]
    ids, encoded = [envelope.id for envelope in given], [envelope.encode() for envelope in given]
    await connection.execute(_INSERT, ids, Sold.wire, encoded)
    wire = RabbitWire(amqp)
    relay = Relay(database, wire, Metrics("bench"))
    started = time.perf_counter()
    running = asyncio.create_task(relay.run())
    while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"):
        await asyncio.sleep(0.01)
    rate = COUNT / (time.perf_counter() - started)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await wire.close()
    async with broker.channel(amqp, confirms=False) as opened:
        queue = await opened.declare_queue(broker.QUEUE, passive=True)
        assert queue.declaration_result.message_count == COUNT, "every row arrives once"
    await broker.purge(amqp)
    return rate
