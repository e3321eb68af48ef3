"""Publishing with confirms, many in flight, on a connection that is replaced as soon as an outcome is unknown."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast
from uuid import uuid4

import aiormq
import structlog
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel as UnderlayChannel
from aiormq.channel import Channel
from pamqp.commands import Basic

from common.broker.connection import connect
from common.broker.topology import EXCHANGES
from common.broker.wire import Message, NotConfirmed, Unroutable
from common.faults import faultpoint
from common.tasks import contained

log = structlog.get_logger(__name__)
_IN_FLIGHT = 512


class Publisher:
    """One connection and one channel in confirm mode; returns are errors, a time-out closes the connection."""

    def __init__(self, url: str, *, confirm_timeout: float) -> None:
        self._url, self._timeout = url, confirm_timeout
        self._connection: AbstractConnection | None = None
        self._channel: UnderlayChannel | None = None
        self._opening = asyncio.Lock()

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """Return, per message, None for a positive confirm or why there is none; the time-out bounds the whole call."""
        outcomes: list[NotConfirmed | None] = []
        deadline = asyncio.get_running_loop().time() + self._timeout
        for start in range(0, len(messages), _IN_FLIGHT):
            outcomes += await self._publish(messages[start : start + _IN_FLIGHT], deadline)
            if any(map(_unknown, outcomes)):
                break
        return outcomes + [NotConfirmed("not tried") for _ in messages[len(outcomes) :]]

    async def close(self) -> None:
        """Close the connection, however stuck the broker is."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(2):
                    await connection.close()

    async def _publish(self, messages: Sequence[Message], deadline: float) -> list[NotConfirmed | None]:
        tasks: list[asyncio.Task[NotConfirmed | None]] = []
        try:
            async with asyncio.timeout_at(deadline):
                channel = await contained(self._open())
                tasks = [asyncio.create_task(_publish_one(channel, message)) for message in messages]
                await faultpoint("relay.published")
                await asyncio.wait(tasks)
        except Exception as error:  # noqa: BLE001 - whatever it was, what has no confirm is sent again
            log.warning("broker out of reach", error=repr(error))
        finally:
            outcomes = [_outcome(task) for task in tasks] or [NotConfirmed("no connection") for _ in messages]
            for task in tasks:
                task.cancel()
        if any(map(_unknown, outcomes)):
            await self.close()
        return outcomes

    async def _open(self) -> UnderlayChannel:
        async with self._opening:  # several shards publish over one connection
            if self._channel is None or self._channel.is_closed:
                await self.close()
                self._connection = await connect(self._url, "publisher")
                channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                self._channel = await channel.get_underlay_channel()
            return self._channel


def _unknown(outcome: NotConfirmed | None) -> bool:
    return outcome is not None and not isinstance(outcome, Unroutable)


def _outcome(task: asyncio.Task[NotConfirmed | None]) -> NotConfirmed | None:
    return task.result() if task.done() and not task.cancelled() else NotConfirmed("no confirm in time")


async def _publish_one(channel: UnderlayChannel, message: Message) -> NotConfirmed | None:
    try:
        confirm = await cast("Channel", channel).basic_publish(
            message.body,
            exchange=EXCHANGES[message.lane],
            routing_key=message.type,
            mandatory=message.mandatory,
            properties=_properties(message),
            wait=False,
        )
    except aiormq.exceptions.PublishError:
        return Unroutable(message.type)
    except Exception as error:  # noqa: BLE001 - whatever it was, the outcome is unknown and the row stays unsent
        return NotConfirmed(repr(error))
    return None if isinstance(confirm, Basic.Ack) else NotConfirmed(repr(confirm))


def _properties(message: Message) -> Any:  # noqa: ANN401 - pamqp ships no types
    # The AMQP message_id is unique per attempt: aiormq matches returns by it. The event's id is in the body.
    return Basic.Properties(
        content_type="application/cloudevents+json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=uuid4().hex,
        message_type=message.type,
    )
