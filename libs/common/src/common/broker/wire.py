"""What every wire promises: confirmed publishing, and deliveries that are acknowledged only after the sink returns."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from common.events import Lane

BATCH = 50


@dataclass(frozen=True, slots=True)
class Message:
    """An encoded envelope on its way out; `mandatory` makes it an error that nobody listens."""

    id: UUID
    type: str
    lane: Lane
    body: bytes
    mandatory: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """Bytes as they arrived; `redelivered` says that somebody had them before and did not acknowledge."""

    body: bytes
    redelivered: bool = False


class NotConfirmed(Exception):  # noqa: N818 - an unknown outcome, not an error
    """No positive confirm came: it may or may not have arrived, so it is sent again."""


class Unroutable(NotConfirmed):
    """The broker gave it back: no queue is bound for it though somebody should listen."""


Sink = Callable[[Sequence[Delivery]], Awaitable[None]]


class Wire(Protocol):
    """How messages travel."""

    async def publish(self, messages: Sequence[Message]) -> list[NotConfirmed | None]:
        """Publish with many in flight; the answer has, per message, None for a confirm or why there is none."""
        ...

    async def consume(self, service: str, lane: Lane, sink: Sink) -> None:
        """Feed a service's lane to the sink in batches until cancelled; a batch is acknowledged once the sink returns.

        A sink that raises is given the same batch again after a pause.
        """
        ...

    def alive(self, service: str, lane: Lane) -> bool:
        """Say whether the lane is being consumed just now."""
        ...

    def ready(self, service: str, lane: Lane) -> int | None:
        """Return how many messages the lane held for whoever is free when last looked at; None if it never was."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
