"""The bare ways to publish and to consume, and filling queues for those who are measured."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from bench.facts import KINDS
from common.broker import Hearer, apply_topology

IN_FLIGHT, PREFETCH, BATCH = 256, 200, 50
QUEUE = "bench"
Batch = Sequence[AbstractIncomingMessage]


async def declare(url: str) -> None:
    """Declare the topology with one hearer."""
    await apply_topology(url, [Hearer(QUEUE, frozenset(kind.wire for kind in KINDS))])


@asynccontextmanager
async def channel(url: str, *, confirms: bool) -> AsyncIterator[AbstractChannel]:
    """Give a plain channel on a connection of its own."""
    connection = await aio_pika.connect(url)
    async with connection:
        yield await connection.channel(publisher_confirms=confirms)


async def fill(url: str, bodies: Sequence[bytes], key: str) -> None:
    """Put messages into the queue, and return when all are there."""
    async with channel(url, confirms=True) as opened:
        await publish(opened, bodies, key)


async def publish(opened: AbstractChannel, bodies: Sequence[bytes], key: str) -> None:
    """Publish with 256 in flight, persistently, awaiting each confirm: bare aio-pika."""
    exchange = await opened.get_exchange("events", ensure=False)
    free = asyncio.Semaphore(IN_FLIGHT)

    async def one(body: bytes) -> None:
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        try:
            await exchange.publish(message, key)
        finally:
            free.release()

    async with asyncio.TaskGroup() as group:
        for body in bodies:
            await free.acquire()
            group.create_task(one(body))


async def purge(url: str) -> None:
    """Empty the queue."""
    async with channel(url, confirms=False) as opened:
        await (await opened.get_queue(QUEUE, ensure=False)).purge()


async def consume(url: str, count: int, work: Callable[[Batch], Awaitable[None]]) -> None:
    """Give so many messages to `work` in batches of what has arrived, up to 50, and ack each batch at once."""
    waiting: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()

    async def keep(message: AbstractIncomingMessage) -> None:
        waiting.put_nowait(message)

    async with channel(url, confirms=False) as opened:
        await opened.set_qos(prefetch_count=PREFETCH)
        await (await opened.get_queue(QUEUE, ensure=False)).consume(keep)
        while count > 0:
            batch = [await waiting.get()]
            while len(batch) < BATCH and not waiting.empty():
                batch.append(waiting.get_nowait())
            await work(batch)
            await batch[-1].ack(multiple=True)
            count -= len(batch)
