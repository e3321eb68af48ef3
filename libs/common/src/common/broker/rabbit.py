"""The wire over RabbitMQ: a connection of its own for publishing, one per consumed queue, both mended by themselves."""

import asyncio
from collections.abc import Sequence

import structlog
from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from common.broker.connection import open_channel
from common.broker.consumer import QueueConsumer
from common.broker.publisher import Publisher
from common.broker.topology import queue_name
from common.broker.wire import Message, NotConfirmed, Sink
from common.events import Lane
from common.tasks import contained

log = structlog.get_logger(__name__)


class RabbitWire:
    """A wire that reconnects with jittered back-off and never mixes publishing and consuming on one connection."""

    def __init__(self, url: str, *, confirm_timeout: float = 10, prefetch: int = 200, watchdog: float = 5) -> None:
        self._url, self._prefetch, self._watchdog = url, prefetch, watchdog
        self._publisher = Publisher(url, confirm_timeout=confirm_timeout)
        self._consumers: dict[tuple[str, Lane], QueueConsumer] = {}

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """Publish persistently with up to a few hundred in flight; a time-out means unknown."""
        return await self._publisher.publish(messages)

    async def consume(self, service: str, lane: Lane, sink: Sink) -> None:
        """Consume a service's queue until cancelled, opening a new connection whenever the old one is of no use."""
        queue = queue_name(service, lane)
        consumer = self._consumers[service, lane] = QueueConsumer(queue, sink, watchdog=self._watchdog)
        async for attempt in AsyncRetrying(
            wait=wait_random_exponential(multiplier=0.2, max=5), before_sleep=lambda state: _lost(queue, state)
        ):
            with attempt:
                while True:
                    await contained(self._consume_once(consumer, queue))
                    attempt.retry_state.attempt_number = 1
                    await asyncio.sleep(0.2)

    async def _consume_once(self, consumer: QueueConsumer, queue: str) -> None:
        async with open_channel(self._url, f"{queue} consumer", confirms=False) as channel:
            await consumer.run(channel, self._prefetch)

    def alive(self, service: str, lane: Lane) -> bool:
        """Say whether the lane is being consumed just now."""
        return (consumer := self._consumers.get((service, lane))) is not None and consumer.alive

    def ready(self, service: str, lane: Lane) -> int | None:
        """Return how many messages the queue held a few seconds ago, besides those that consumers have in hand."""
        return consumer.ready if (consumer := self._consumers.get((service, lane))) else None

    async def close(self) -> None:
        """Close the publishing connection; consumers close theirs when cancelled."""
        await self._publisher.close()


def _lost(queue: str, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("consumer lost, trying again", queue=queue, error=repr(error), attempt=state.attempt_number)
