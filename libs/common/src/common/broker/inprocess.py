"""The wire inside one process: a message is confirmed once every service that listens has stored it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from common.broker.wire import BATCH, Delivery, Message, NotConfirmed, Sink, Unroutable
from common.events import Lane
from common.tasks import contained

log = structlog.get_logger(__name__)
_MOST_WAITING = 5000


@dataclass(slots=True)
class _Line:
    """One service's lane: what it listens to, and the deliveries it has not stored yet."""

    types: frozenset[str]
    waiting: asyncio.Queue[tuple[Delivery, asyncio.Future[None]]] = field(default_factory=asyncio.Queue)
    alive: bool = False


class InProcessWire:
    """A wire for the one-process run: the same durability as a broker, for the outbox row stays until it is stored."""

    def __init__(self, *, confirm_timeout: float = 10, retry_pause: float = 0.5) -> None:
        self._lines: dict[tuple[str, Lane], _Line] = {}
        self._confirm_timeout, self._retry_pause = confirm_timeout, retry_pause

    def bind(self, service: str, types: Iterable[str]) -> None:
        """Declare what a service listens to, before anything is published."""
        for lane in ("live", "bulk"):
            self._lines[service, lane] = _Line(frozenset(types))

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """Hand the messages to every listener and wait until each has stored them."""
        if any(line.waiting.qsize() >= _MOST_WAITING for line in self._lines.values()):
            return [NotConfirmed("a listener is behind") for _ in messages]
        handed = [self._hand_out(message) for message in messages]
        stored = [future for futures in handed for future in futures]
        if stored:
            await asyncio.wait(stored, timeout=self._confirm_timeout)
        return [self._outcome(message, futures) for message, futures in zip(messages, handed, strict=True)]

    async def consume(self, service: str, lane: Lane, sink: Sink) -> None:
        """Feed a service's lane to the sink until cancelled."""
        line = self._lines[service, lane]
        line.alive = True
        try:
            while True:
                batch = [await line.waiting.get()]
                while len(batch) < BATCH and not line.waiting.empty():
                    batch.append(line.waiting.get_nowait())
                batch = [(delivery, future) for delivery, future in batch if not future.cancelled()]
                if batch:
                    await self._store(service, sink, [delivery for delivery, _ in batch])
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)
        finally:
            line.alive = False

    def alive(self, service: str, lane: Lane) -> bool:
        """Say whether the lane is being consumed just now."""
        return (line := self._lines.get((service, lane))) is not None and line.alive

    def ready(self, service: str, lane: Lane) -> int | None:
        """Return how many messages wait in the lane."""
        return line.waiting.qsize() if (line := self._lines.get((service, lane))) else None

    async def close(self) -> None:
        """Nothing is open."""

    def _hand_out(self, message: Message) -> list[asyncio.Future[None]]:
        futures = []
        for (_, lane), line in self._lines.items():
            if lane == message.lane and (message.type in line.types or "#" in line.types):
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                line.waiting.put_nowait((Delivery(message.body), future))
                futures.append(future)
        return futures

    def _outcome(self, message: Message, futures: Sequence[asyncio.Future[None]]) -> NotConfirmed | None:
        if not futures and message.mandatory:
            return Unroutable(message.type)
        if all(future.done() and not future.cancelled() for future in futures):
            return None
        for future in futures:
            future.cancel()
        return NotConfirmed("not stored in time")

    async def _store(self, service: str, sink: Sink, batch: Sequence[Delivery]) -> None:
        while True:
            try:
                return await contained(sink(batch))
            except Exception:
                log.exception("sink failed, trying again", service=service)
                await asyncio.sleep(self._retry_pause)
