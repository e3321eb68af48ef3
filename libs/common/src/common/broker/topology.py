"""The topology: two durable topic exchanges, two quorum queues per hearer, one dead-letter queue that stays empty."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelClosed, ChannelPreconditionFailed
from pamqp.common import Arguments

from common.broker.connection import open_channel
from common.events import Lane

EXCHANGES: Final[dict[Lane, str]] = {"live": "events", "bulk": "events.bulk"}
DEAD: Final = "events.dead"
# Retries and parking live in the inbox; the limit only stops a queue that nobody can store from spinning for ever.
_ARGUMENTS: Final[Arguments] = {
    "x-queue-type": "quorum",
    "x-delivery-limit": 1000,
    "x-dead-letter-exchange": DEAD,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}


class TopologyMismatch(Exception):  # noqa: N818 - a sentence for the operator
    """The broker's queues are not what this release needs; the message says which and how to mend it."""


@dataclass(frozen=True, slots=True)
class Hearer:
    """A service and the event types its queues are bound to (`#` for all)."""

    service: str
    types: frozenset[str]


def queue_name(service: str, lane: Lane) -> str:
    """Return the name of a service's queue for a lane."""
    return service if lane == "live" else f"{service}.{lane}"


async def apply_topology(url: str, hearers: Iterable[Hearer]) -> list[str]:
    """Declare everything, idempotently; return one line per queue; raises TopologyMismatch on other arguments."""
    lines = []
    async with open_channel(url, "topology", confirms=False) as channel:
        exchanges = {
            lane: await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, durable=True)
            for lane, name in EXCHANGES.items()
        }
        dead = await channel.declare_exchange(DEAD, aio_pika.ExchangeType.FANOUT, durable=True)
        morgue = await channel.declare_queue(DEAD, durable=True, arguments={"x-queue-type": "quorum"})
        await morgue.bind(dead)
        for hearer in hearers:
            for lane, exchange in exchanges.items():
                queue = await _declare(channel, queue_name(hearer.service, lane))
                for type_ in sorted(hearer.types):
                    await queue.bind(exchange, routing_key=type_)
                lines.append(f"{queue.name}: {len(hearer.types)} bindings on {exchange.name}")
    return lines


async def verify_topology(url: str, service: str) -> None:
    """Check that a service's queues exist as this release needs them; raises TopologyMismatch with the mend."""
    for lane in EXCHANGES:
        name = queue_name(service, lane)
        async with open_channel(url, "topology check", confirms=False) as channel:
            try:
                await channel.declare_queue(name, passive=True)
            except ChannelClosed as error:
                message = f"The broker has no queue {name!r}: run `souk topology apply`."
                raise TopologyMismatch(message) from error
            await _declare(channel, name)


async def _declare(channel: AbstractChannel, name: str) -> aio_pika.abc.AbstractQueue:
    try:
        return await channel.declare_queue(name, durable=True, arguments=_ARGUMENTS)
    except ChannelPreconditionFailed as error:
        message = (
            f"The broker's queue {name!r} exists with other arguments: let it drain, delete it, "
            f"and run `souk topology apply`."
        )
        raise TopologyMismatch(message) from error
