"""The process that hears in the measurement of latency: `python -m bench.hearer AMQP DATABASE FILE COUNT`."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvloop

from bench.broker import QUEUE
from bench.inbox import events
from common.broker import Delivery, RabbitWire
from common.db import open_database
from common.events import Envelope
from common.inbox import Inbox
from common.telemetry import Metrics


async def hear(amqp: str, url: str, count: int) -> dict[str, int]:
    """Take so many deliveries, and return by the machine's one clock when each one's effect was committed."""
    database, handled, done = open_database(url, "hearer"), dict[str, int](), asyncio.Event()
    inbox = Inbox(database, events, Metrics("hearer"))

    async def take(batch: Sequence[Delivery]) -> None:
        await inbox.take(batch)
        moment = time.monotonic_ns()
        handled.update((Envelope.parse(delivery.body).subject, moment) for delivery in batch)
        if len(handled) >= count:
            done.set()

    consumer = asyncio.create_task(RabbitWire(amqp).consume(QUEUE, "live", take))
    await done.wait()
    await asyncio.sleep(0.2)  # the last acknowledgement
    consumer.cancel()
    with suppress(asyncio.CancelledError):
        await consumer
    await database.close()
    return handled


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(hear(sys.argv[1], sys.argv[2], int(sys.argv[4])))
    Path(sys.argv[3]).write_text(json.dumps(found))
