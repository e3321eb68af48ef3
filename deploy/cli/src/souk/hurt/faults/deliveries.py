"""Deliveries that come again, and deliveries that come in any order."""

import asyncio
import base64
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from common.broker import Message, RabbitWire
from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage

_COPIES: Final = 5
_NEWEST: Final = (
    "SELECT id, type, body FROM outbox WHERE body IS NOT NULL AND sent_at IS NOT NULL ORDER BY id DESC LIMIT 80"
)
_PRODUCERS: Final = ("auth", "catalog", "orders", "payments")
# How many messages are shuffled at least, by whose queue.
_SHUFFLED: Final = {"notifier": 40, "orders": 10, "catalog": 15}
_PILES_UP_WITHIN: Final = 20.0


@fault("F24", "The newest events of every service are delivered five times more, at once, to two instances.", lasts=70)
async def delivered_again(stage: Stage) -> Blow:
    """F24: each is worked once, whoever gets it."""
    async with AsyncExitStack() as stack:
        for service in ("orders", "payments"):
            await stack.enter_async_context(stage.another(service))
        stage.count_in_flight()
        messages = [message for service in _PRODUCERS for message in await _newest(stage, service)]
        sent = await publish(stage, [message for message in messages for _ in range(_COPIES)])
        stage.count_in_flight()
    return Blow(sent, f"{len(messages)} events, {sent} copies confirmed")


async def _newest(stage: Stage, service: str) -> list[Message]:
    rows = await stage.sql(service, _NEWEST)
    return [Message(row["id"], row["type"], "live", row["body"], mandatory=False) for row in rows]


async def publish(stage: Stage, messages: Sequence[Message]) -> int:
    """Publish events in any order; return how many were confirmed."""
    shuffled = list(messages)
    stage.dice.shuffle(shuffled)
    wire = RabbitWire(stage.fleet.where.amqp_url)
    try:
        return sum(outcome is None for outcome in await wire.publish(shuffled))
    finally:
        await wire.close()


@fault("F25", "The waiting events of one service after the other are shuffled: paid comes before created.", lasts=95)
async def shuffled(stage: Stage) -> Blow:
    """F25: what comes too early waits, what comes too late changes nothing."""
    counts = {}
    for service, least in _SHUFFLED.items():
        await stage.kill(service)
        await stage.start(service, SOUK_ROLE="api")
        counts[service] = await _shuffle(stage, service, least)
        await stage.kill(service)
        await stage.whole(service)
    return Blow(min(counts.values()), ", ".join(f"{count} of {service}" for service, count in counts.items()))


async def _shuffle(stage: Stage, queue: str, least: int) -> int:
    end = time.monotonic() + _PILES_UP_WITHIN
    while (waiting := await _waiting(stage, queue)) < least:
        if time.monotonic() > end:
            raise NotAsPlanned(f"only {waiting} events waited for {queue}")
        await asyncio.sleep(0.5)
    taking = {"count": 2000, "ackmode": "ack_requeue_false", "encoding": "base64"}
    taken = await stage.manage("POST", f"queues/%2F/{queue}/get", taking)
    stage.dice.shuffle(taken)
    for message in taken:
        await put(stage, queue, base64.b64decode(message["payload"]))
    return len(taken)


async def _waiting(stage: Stage, queue: str) -> int:
    found = await stage.manage("GET", f"queues/%2F/{queue}")
    return int(found.get("messages_ready") or 0)


async def put(stage: Stage, queue: str, body: bytes, **properties: Any) -> None:  # noqa: ANN401 - AMQP's own
    """Put a message of any kind into a queue; raises NotAsPlanned when it did not get there."""
    message = {
        "routing_key": queue,
        "payload": base64.b64encode(body).decode(),
        "payload_encoding": "base64",
        "properties": {"delivery_mode": 2, **properties},
    }
    answer = await stage.manage("POST", "exchanges/%2F/amq.default/publish", message)
    if not answer["routed"]:
        raise NotAsPlanned(f"there is no queue {queue}")
