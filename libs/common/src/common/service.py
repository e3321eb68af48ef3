"""The composition root every service shares: doors on one side, database and wire on the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from fastapi import APIRouter, FastAPI
from prometheus_client.registry import Collector

from common.auth import KeyRefresher, Keyring
from common.broker import Hearer, RabbitWire, TopologyMismatch, Wire, verify_topology
from common.db import Database, open_database, plain_dsn
from common.events import Lane
from common.housekeeping import housekeeping
from common.http import create_app
from common.http.frame import Frame
from common.http.limits import RateLimits
from common.http.prefer import WaitingRoom
from common.http.streams import Listeners
from common.inbox import EventRouter, Inbox, InboxPolicy, Retries
from common.loops import Loop, run_loop
from common.outbox import Relays
from common.sealed import Opener, Sealer
from common.settings import BadSetting, ServiceSettings
from common.telemetry import Metrics
from common.telemetry.starting import collecting
from common.wakeups import Waker

log = structlog.get_logger(__name__)
_LANES: Final[tuple[Lane, ...]] = ("live", "bulk")
KeySource = Callable[[Keyring, Database], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Service:
    """A service put together, not yet running."""

    name: str
    settings: ServiceSettings
    database: Database
    wire: Wire
    events: EventRouter
    metrics: Metrics
    app: FastAPI
    keyring: Keyring
    key_source: KeySource | None
    loops: Sequence[Loop] = ()
    closing: Sequence[Callable[[], Awaitable[None]]] = ()
    relay: Relays | None = None
    stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def hearer(self) -> Hearer:
        """What this service listens to."""
        return Hearer(self.name, self.events.types)

    @property
    def lanes(self) -> Sequence[Lane]:
        """What this process consumes."""
        return _LANES if self.settings.role != "api" and self.events.types else ()

    def leave(self) -> None:
        """Say that the service is stopping: it is not ready any more, and nobody waits for anything to happen."""
        self.stopping = True
        room: WaitingRoom = self.app.state.waiting_room
        room.close()

    def problems(self) -> list[str]:
        """Return why the service is not ready; empty when it is."""
        found = ["stopping"] if self.stopping else []
        if not self.keyring.ready:
            found.append("no signing keys yet")
        found += [f"{lane} lane not consumed" for lane in self.lanes if not self.wire.alive(self.name, lane)]
        return found + self.dead()

    def dead(self) -> list[str]:
        """Return which workers ended by themselves, which none of them ever should: only a new process helps."""
        return [f"{name} died" for name, alive in self.workers.items() if not alive] if not self.stopping else []

    @property
    def workers(self) -> dict[str, bool]:
        """Which workers there are, and whether each is alive."""
        return {task.get_name(): not _ended_badly(task) for task in self._tasks}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the service's workers; at the end stop consuming and finish what is in hand."""
        for sentence in self.settings.doubts:
            log.warning(sentence, service=self.name)
        await self._check_topology()
        self._tasks = [asyncio.create_task(work, name=f"{self.name} {name}") for name, work in self._work()]
        for task in self._tasks:
            task.add_done_callback(self._note_end)
        try:
            yield
        finally:
            self.stopping = True
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self.settings.grace.total_seconds())

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not self.stopping and _ended_badly(task):
            error = None if task.cancelled() else task.exception()
            log.critical("worker died", worker=task.get_name(), error=repr(error))

    async def close(self) -> None:
        """Close what is open, once nobody uses it any more."""
        for close in self.closing:
            await close()
        await self.wire.close()
        await self.database.close()

    def _work(self) -> Sequence[tuple[str, Coroutine[Any, Any, None]]]:
        waker, settings = self.database.waker, self.settings
        always: list[tuple[str, Coroutine[Any, Any, None]]] = [("wake-ups", waker.run()), ("keys", self._keep_keys())]
        if settings.role == "api":
            return always
        policy = InboxPolicy(handler_limit=settings.handler_limit.total_seconds(), pace=settings.pace)
        inbox = Inbox(self.database, self.events, self.metrics, policy)
        retries = Retries(self.database, self.events, self.metrics, policy)
        self.relay = Relays(self.database, self.wire, self.metrics, settings.relay_shards)
        lanes = [(f"{lane} consumer", self.wire.consume(self.name, lane, inbox.take)) for lane in self.lanes]
        loops = (*self.loops, *housekeeping(self.database, self.metrics))
        return [
            *always,
            ("relay", self.relay.run()),
            ("retries", retries.run()),
            *lanes,
            *((loop.name, run_loop(loop, waker, self.metrics)) for loop in loops),
        ]

    async def _keep_keys(self) -> None:
        if self.key_source:
            return await self.key_source(self.keyring, self.database)
        every = self.settings.jwks_refresh.total_seconds()
        return await KeyRefresher(self.keyring, self.database, self.settings.jwks_source, every).run()

    async def _check_topology(self) -> None:
        listens = self.settings.role != "api" and self.events.types
        if not isinstance(self.wire, RabbitWire) or not listens or not self.settings.amqp_url:
            return
        try:
            await verify_topology(self.settings.amqp_url, self.name)
        except TopologyMismatch:
            raise
        except Exception as error:  # noqa: BLE001 - a broker that is away does not stop a service
            log.warning("broker out of reach at start", service=self.name, error=repr(error))


def _ended_badly(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


@dataclass(frozen=True, slots=True)
class Doors:
    """A service's three doors, what its routes find on `app.state`, its own metrics, and what is closed with it.

    `body_limits` are the paths, as patterns, that take larger bodies than others, and how many bytes.
    """

    routers: Sequence[APIRouter] = ()
    events: EventRouter | None = None
    loops: Sequence[Loop] = ()
    state: dict[str, object] = field(default_factory=dict)
    key_source: KeySource | None = None
    meters: Sequence[Collector] = ()
    body_limits: Mapping[str, int] = field(default_factory=dict)
    closing: Sequence[Callable[[], Awaitable[None]]] = ()


def open_service_database(settings: ServiceSettings) -> Database:
    """Open the database a service's settings name; wake-ups cross processes unless all runs in one."""
    url = _asyncpg(settings.database_url)
    waker = Waker(plain_dsn(url) if settings.wire == "rabbitmq" else None)
    database = open_database(url, settings.service, waker=waker, pool_size=settings.database_pool)
    database.spread(settings.relay_shards)
    return database


def build_service(settings: ServiceSettings, database: Database, doors: Doors, wire: Wire | None = None) -> Service:
    """Put a service together; `wire` is given where several services share a process."""
    name = settings.service
    metrics, keyring = Metrics(name), Keyring()
    for collector in doors.meters:
        metrics.registry.register(collector)
    state: dict[str, object] = {
        "database": database,
        "settings": settings,
        "keyring": keyring,
        "waiting_room": WaitingRoom(database.waker),
        "listeners": Listeners(),
        **doors.state,
    }
    return Service(
        name=name,
        settings=settings,
        database=database,
        wire=wire or RabbitWire(settings.amqp_url or ""),
        events=doors.events or EventRouter(name),
        metrics=metrics,
        app=create_app(f"Souk {name}", doors.routers, metrics, state=state, frame=_frame(settings, doors.body_limits)),
        keyring=keyring,
        key_source=doors.key_source,
        loops=doors.loops,
        closing=[*doors.closing, *collecting(settings, database.engine.sync_engine)],
    )


def _frame(settings: ServiceSettings, body_limits: Mapping[str, int]) -> Frame:
    per_minute, groups = settings.requests_per_minute, settings.rate_limits
    return Frame(
        proxies=settings.trusted_proxies,
        hosts=settings.hosts,
        origins=settings.cors_origins,
        limits=RateLimits(per_minute, groups) if per_minute or any(groups.values()) else None,
        body_limits=body_limits,
        https_only=settings.https_only,
    )


def sealer(settings: ServiceSettings) -> Sealer:
    """Return what seals secrets for other services; raises BadSetting for what is no key."""
    try:
        return Sealer(settings.seal_public_keys)
    except ValueError as error:
        raise BadSetting("SEAL_PUBLIC_KEYS holds something else than keys: `souk keys` makes them.") from error


def opener(settings: ServiceSettings) -> Opener:
    """Return what opens secrets sealed for this service; raises BadSetting without a SEAL_PRIVATE_KEY that does."""
    if settings.seal_private_key is None:
        raise BadSetting(f"SEAL_PRIVATE_KEY is missing: `souk keys {settings.service}` makes one.")
    try:
        return Opener(settings.seal_private_key)
    except ValueError as error:
        raise BadSetting(f"SEAL_PRIVATE_KEY is no key: `souk keys {settings.service}` makes one.") from error


def _asyncpg(url: str) -> str:
    return url if url.startswith("postgresql+asyncpg") else url.replace("postgresql", "postgresql+asyncpg", 1)
