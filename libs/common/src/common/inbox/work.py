"""Reading deliveries and running their handlers inside one transaction."""

import asyncio
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from common.events import Envelope, Event, Trace, Unreadable
from common.faults import faultpoint
from common.inbox.router import EventRouter, Route
from common.tasks import contained
from common.telemetry import tracing


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


async def handle(arrivals: Iterable[Arrival], session: AsyncSession, limit: float) -> None:
    """Run the handlers in the order of the ids, those that work in sets at the place of their first event."""
    groups: dict[object, list[Arrival]] = {}
    for arrival in arrivals:
        assert arrival.route is not None
        groups.setdefault(arrival.route.event if arrival.route.many else arrival.id, []).append(arrival)
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(limit) as patience:
        for group in groups.values():
            patience.reschedule(clock() + limit)
            await _handle_group(group, session)


async def _handle_group(group: Sequence[Arrival], session: AsyncSession) -> None:
    route, facts = group[0].route, [arrival.fact for arrival in group if arrival.fact]
    assert route is not None
    await faultpoint(f"inbox.handling.{group[0].type}")
    with tracing(facts[0].trace or Trace()):
        if route.many:
            await contained(route.many(facts, session))
        elif route.one:
            await contained(route.one(facts[0], session))
    # Between the effect and what is told of it: both are written by one transaction, or neither.
    await faultpoint("inbox.handled")
