"""Who handles what: `@events.on(OrderPaid)` registers a handler, `@events.on_many(…)` one that works in sets."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from common.events import Event

E = TypeVar("E", bound=Event)
Handler = Callable[[E, AsyncSession], Awaitable[None]]
SetHandler = Callable[[Sequence[E], AsyncSession], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler for one event type; `many` is set where it takes all of a batch at once."""

    event: type[Event]
    one: Handler[Event] | None = None
    many: SetHandler[Event] | None = None


class EventRouter:
    """One service's handlers, by wire name; one handler per type."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.routes: dict[str, Route] = {}

    @property
    def types(self) -> frozenset[str]:
        """The wire names this service listens to."""
        return frozenset(self.routes)

    def on(self, event: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Register a handler that takes one event and the session of its transaction."""

        def register(handler: Handler[E]) -> Handler[E]:
            self._add(Route(event, one=handler))  # type: ignore[arg-type]
            return handler

        return register

    def on_many(self, event: type[E]) -> Callable[[SetHandler[E]], SetHandler[E]]:
        """Register a handler that takes all events of a type in a batch; it must be right for any number of them."""

        def register(handler: SetHandler[E]) -> SetHandler[E]:
            self._add(Route(event, many=handler))  # type: ignore[arg-type]
            return handler

        return register

    def _add(self, route: Route) -> None:
        if route.event.wire in self.routes:
            message = f"{self.service} already has a handler for {route.event.wire}"
            raise ValueError(message)
        self.routes[route.event.wire] = route
