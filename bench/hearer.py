"""The process that hears in the measurement of latency: `python -m bench.hearer AMQP DATABASE FILE COUNT MODE`."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg
import orjson
import uvloop

from bench import broker
from bench.inbox import bare_take, events, one_by_one
from common.broker import Delivery, RabbitWire
from common.db import open_database, plain_dsn
from common.inbox import Inbox
from common.telemetry import Metrics


class Log:
    """When each fact's effect was committed, by the machine's one clock."""

    def __init__(self, count: int) -> None:
        self.handled: dict[str, int] = {}
        self.full = asyncio.Event()
        self._count = count

    def note(self, bodies: Sequence[bytes]) -> None:
        moment = time.monotonic_ns()
        self.handled.update((orjson.loads(body)["subject"], moment) for body in bodies)
        if len(self.handled) >= self._count:
            self.full.set()


async def ours(amqp: str, url: str, log: Log) -> None:
    """Hear with an inbox."""
    database = open_database(url, "hearer")
    inbox = Inbox(database, events, Metrics("hearer"))

    async def take(batch: Sequence[Delivery]) -> None:
        await inbox.take(batch)
        log.note([delivery.body for delivery in batch])

    consumer = asyncio.create_task(RabbitWire(amqp).consume(broker.QUEUE, "live", take))
    await log.full.wait()
    await asyncio.sleep(0.2)  # the last acknowledgement
    consumer.cancel()
    with suppress(asyncio.CancelledError):
        await consumer
    await database.close()


async def bare(amqp: str, url: str, log: Log, count: int) -> None:
    """Hear with aio-pika and asyncpg alone."""
    connection = await asyncpg.connect(plain_dsn(url))

    async def take(batch: broker.Batch) -> None:
        await bare_take(connection, one_by_one, batch)
        log.note([message.body for message in batch])

    await broker.consume(amqp, count, take)
    await connection.close()


async def hear(amqp: str, url: str, count: int, mode: str) -> dict[str, int]:
    """Hear so many facts."""
    log = Log(count)
    await (ours(amqp, url, log) if mode == "ours" else bare(amqp, url, log, count))
    return log.handled


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(hear(sys.argv[1], sys.argv[2], int(sys.argv[4]), sys.argv[5]))
    Path(sys.argv[3]).write_text(json.dumps(found))
