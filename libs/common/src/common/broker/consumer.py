"""Consuming one queue: deliveries only queue up here, the sink takes them in batches, one ack confirms a batch."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

import structlog
from aio_pika.abc import AbstractChannel, AbstractQueue
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel

from common.broker.wire import BATCH, Delivery, Sink
from common.faults import faultpoint
from common.tasks import contained, nap

log = structlog.get_logger(__name__)
_PAUSE = 1.0
_GRACE = 15.0


class QueueConsumer:
    """Feeds a queue to a sink while its channel lives; `alive` tells whether the broker is really sending to it.

    `ready` is how many messages the queue held, when last looked at, for whoever is free.
    """

    def __init__(self, queue: str, sink: Sink, *, watchdog: float) -> None:
        self._queue, self._sink, self._watchdog = queue, sink, watchdog
        self._channel: Channel | None = None
        self.ready: int | None = None
        self._lost = asyncio.Event()
        self._waiting: asyncio.Queue[DeliveredMessage] = asyncio.Queue()

    @property
    def alive(self) -> bool:
        """Whether the channel is open and the broker has not cancelled us (it does so without closing anything)."""
        return self._channel is not None and not self._channel.is_closed and bool(self._channel.consumers)

    async def run(self, channel: AbstractChannel, prefetch: int) -> None:
        """Consume until the channel is lost; a cancellation lets the batch in hand finish first."""
        # Both belong to this channel alone: a late word of an earlier one must not be acknowledged here.
        lost, waiting = self._lost, self._waiting = asyncio.Event(), asyncio.Queue[DeliveredMessage]()

        async def keep(message: DeliveredMessage) -> None:
            waiting.put_nowait(message)

        channel.close_callbacks.add(lambda *_: lost.set())
        await channel.set_qos(prefetch_count=prefetch)
        queue: AbstractQueue = await channel.declare_queue(self._queue, passive=True)
        self._channel = cast("Channel", await channel.get_underlay_channel())
        await self._channel.basic_consume(queue.name, keep)
        log.info("consuming", queue=self._queue)
        watchdog = asyncio.create_task(self._watch())
        try:
            while batch := await self._next_batch():
                work = asyncio.create_task(self._work(self._channel, batch))
                await _finish(work)
        finally:
            watchdog.cancel()
            self._channel = self.ready = None

    async def _watch(self) -> None:
        while self.alive and (channel := self._channel):
            with suppress(Exception):  # whatever it is, the channel tells it itself
                async with asyncio.timeout(self._watchdog):
                    self.ready = (await channel.queue_declare(self._queue, passive=True)).message_count
            await asyncio.sleep(self._watchdog)
        log.warning("the broker stopped sending", queue=self._queue)
        self._lost.set()

    async def _next_batch(self) -> list[DeliveredMessage]:
        """Return what has arrived, at least one message; nothing at all means that the channel is lost."""
        if self._waiting.empty() and not self._lost.is_set():
            first = asyncio.create_task(self._waiting.get())
            lost = asyncio.create_task(self._lost.wait())
            try:
                await asyncio.wait((first, lost), return_when=asyncio.FIRST_COMPLETED)
            finally:
                lost.cancel()
                if not first.done():
                    first.cancel()
            batch = [first.result()] if first.done() and not first.cancelled() else []
        else:
            batch = []
        while not self._lost.is_set() and len(batch) < BATCH and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        return [] if self._lost.is_set() else batch

    async def _work(self, channel: Channel, batch: Sequence[DeliveredMessage]) -> None:
        deliveries = [Delivery(bytes(message.body), bool(message.redelivered)) for message in batch]
        while not self._lost.is_set():
            try:
                await contained(self._sink(deliveries))
                break
            except Exception:
                log.exception("deliveries could not be stored, trying again", queue=self._queue)
                await nap(self._lost, _PAUSE)
        if not self._lost.is_set() and (tag := batch[-1].delivery_tag):
            await channel.basic_ack(tag, multiple=True)
            await faultpoint("inbox.acked")


async def _finish(work: asyncio.Task[None]) -> None:
    try:
        await contained(asyncio.shield(work))
    except asyncio.CancelledError:
        await asyncio.wait([work], timeout=_GRACE)
        work.cancel()
        raise
