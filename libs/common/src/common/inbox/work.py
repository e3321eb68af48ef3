"""Reading deliveries and running their handlers inside one transaction."""

import asyncio
import hashlib
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import now
from common.events import Envelope, Event, Trace, Unreadable
from common.faults import faultpoint
from common.inbox.router import EventRouter, Route
from common.tasks import contained
from common.telemetry import Metrics, SpanKind, span, tracing
from common.telemetry.spans import collected, link


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery as read: what to do with it, or `refusal` for why nobody can."""

    id: uuid.UUID
    body: bytes
    envelope: Envelope | None = None
    fact: Event | None = None
    route: Route | None = None
    refusal: str | None = None

    @property
    def partition(self) -> str:
        """What relates this event to its neighbours."""
        return self.envelope.partitionkey if self.envelope else ""

    @property
    def age(self) -> float:
        """Seconds since it was told, as far as the two clocks agree."""
        return max(0.0, (now() - self.envelope.time).total_seconds()) if self.envelope else 0.0

    @property
    def type(self) -> str:
        """The wire name, as far as it could be read."""
        return self.envelope.type if self.envelope else "unreadable"


def read(body: bytes, router: EventRouter) -> Arrival:
    """Read a delivery; it never raises, for what cannot be read is stored and parked."""
    try:
        envelope = Envelope.parse(body)
    except Unreadable as error:
        return Arrival(_id_of_bytes(body), body, refusal=str(error))
    route = router.routes.get(envelope.type) or router.routes.get("#")
    if route is None:
        return Arrival(envelope.id, body, envelope, refusal="unknown event type")
    try:
        return Arrival(envelope.id, body, envelope, route.event.received(envelope), route)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        return Arrival(envelope.id, body, envelope, refusal=f"the data does not fit: {fields}")


def _id_of_bytes(body: bytes) -> uuid.UUID:
    # The same bytes get the same id, far behind every UUIDv7, so that it falls into no month's partition.
    return uuid.UUID(bytes=b"\xff" * 6 + hashlib.sha256(body).digest()[:10])


async def handle(arrivals: Iterable[Arrival], session: AsyncSession, limit: float, metrics: Metrics) -> None:
    """Run the handlers in the order of the ids, those that work in sets at the place of their first event."""
    groups: dict[object, list[Arrival]] = {}
    for arrival in arrivals:
        assert arrival.route is not None
        groups.setdefault(arrival.route.event if arrival.route.many else arrival.id, []).append(arrival)
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(limit) as patience:
        for group in groups.values():
            patience.reschedule(clock() + limit)
            await _handle_group(group, session, metrics)


async def _handle_group(group: Sequence[Arrival], session: AsyncSession, metrics: Metrics) -> None:
    first, facts = group[0], [arrival.fact for arrival in group if arrival.fact]
    assert first.route is not None
    await faultpoint(f"inbox.handling.{first.type}")
    began = time.perf_counter()
    with tracing(facts[0].trace or Trace()), _span(metrics.service, group):
        if first.route.many:
            await contained(first.route.many(facts, session))
        elif first.route.one:
            await contained(first.route.one(facts[0], session))
    metrics.handling.labels(first.type).observe(time.perf_counter() - began)
    # Between the effect and what is told of it: both are written by one transaction, or neither.
    await faultpoint("inbox.handled")


def _span(service: str, group: Sequence[Arrival]) -> AbstractContextManager[object]:
    if not collected(service):
        return nullcontext()
    others = [arrival.fact.trace.traceparent for arrival in group[1:] if arrival.fact and arrival.fact.trace]
    told: dict[str, str | int] = {
        "messaging.operation.name": "process",
        "messaging.destination.name": group[0].type,
        "messaging.message.id": str(group[0].id),
        "messaging.batch.message_count": len(group),
    }
    return span(service, f"process {group[0].type}", SpanKind.CONSUMER, told, link(others))
