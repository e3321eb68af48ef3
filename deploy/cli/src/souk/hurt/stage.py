"""Where faults happen: a fleet of processes, a crowd that buys, and the means to hurt both."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx2

from common.db import plain_dsn
from souk.fleet import Fleet, Unit
from souk.home import SERVICES
from souk.hurt.customers import Customer, until
from souk.hurt.dial import Dial
from souk.hurt.workload import Crowd
from souk.machines.errors import MachineError

READY_WITHIN: Final = 60.0
DIES_WITHIN: Final = 80.0  # a crowd that was held up buys again by and by


class NotAsPlanned(Exception):  # noqa: N818 - a sentence for the report
    """A fault did not happen, or something did not come back."""


@dataclass(slots=True)
class Stage:
    """A running system and everything that hurts it."""

    fleet: Fleet
    crowd: Crowd
    dial: Dial
    http: httpx2.AsyncClient
    seller: Customer
    dice: random.Random
    pace: float = 1
    required: int = 0
    fewest: int = 1_000_000
    broken: set[str] = field(default_factory=set)

    @property
    def databases(self) -> Mapping[str, str]:
        """The services' databases."""
        return {service: self.fleet.where.database_url(f"souk_{service}") for service in SERVICES}

    def count_in_flight(self) -> int:
        """Return how many purchases are under way, and remember the fewest at any blow."""
        self.fewest = min(self.fewest, self.crowd.in_flight)
        return self.crowd.in_flight

    async def sql(self, service: str, query: str, *args: object) -> Sequence[Mapping[str, Any]]:
        """Look into a service's database, or put something there."""
        async with self.connection(service) as connection:
            found: Sequence[Mapping[str, Any]] = await connection.fetch(query, *args)
            return found

    @asynccontextmanager
    async def connection(self, service: str) -> AsyncIterator[Any]:
        """Give a connection to a service's database."""
        connection = await asyncpg.connect(plain_dsn(self.databases[service]), timeout=10)
        try:
            yield connection
        finally:
            connection.terminate()

    async def start(self, unit: str, **extra: str) -> None:
        """Start a unit, with more variables than the others have."""
        await asyncio.to_thread(self.fleet.start_unit, unit, extra)

    async def kill(self, *units: str) -> None:
        """SIGKILL."""
        self.count_in_flight()
        for unit in units:
            if await asyncio.to_thread(self.fleet.process(unit).kill) != -signal.SIGKILL:
                raise NotAsPlanned(f"{unit} was not there to be killed")

    async def death_of(self, unit: str, seconds: float = DIES_WITHIN) -> None:
        """Wait until a fault point has killed a unit."""
        process = self.fleet.process(unit)
        if not await until(lambda: not process.running, seconds):
            raise NotAsPlanned(f"{unit} did not come by its fault point within {seconds:g} s")
        self.count_in_flight()
        if process.returncode != -signal.SIGKILL:
            raise NotAsPlanned(f"{unit} ended with {process.returncode}: {process.last_lines()[-400:]}")

    async def whole(self, *units: str) -> None:
        """Start what is dead, and wait until everything is ready."""
        for name, unit in self.fleet.units.items():
            if unit.process is None or not unit.process.running:
                await self.start(name)
        wanted = units or tuple(self.fleet.units)

        def ready() -> bool:
            return not set(self.fleet.unready()) & set(wanted)

        if not await _eventually(ready, READY_WITHIN):
            raise NotAsPlanned(f"{', '.join(self.fleet.unready())} was not ready within {READY_WITHIN:g} s")

    async def afresh(self) -> None:
        """Kill everything and start it without whatever a fault has left armed."""
        for name in self.fleet.units:
            await asyncio.to_thread(self.fleet.process(name).kill)
        await self.whole()

    @asynccontextmanager
    async def another(self, service: str, role: str = "worker", **extra: str) -> AsyncIterator[Unit]:
        """Run one more process of a service while the block runs; requests reach it where it takes any."""
        unit = Unit(f"{service}-{role}-{len(self.fleet.units)}", service, role)
        self.fleet.units[unit.name] = unit
        try:
            await self.start(unit.name, **extra)
            await self.whole(unit.name)
            await self._open_gateway(role)
            yield unit
        finally:
            process = self.fleet.process(unit.name)
            del self.fleet.units[unit.name]
            await self._open_gateway(role)
            await asyncio.to_thread(process.stop, 20)

    async def _open_gateway(self, role: str) -> None:
        if role != "worker":
            await asyncio.to_thread(self.fleet.start_gateway)

    async def manage(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call RabbitMQ's management API."""
        return await asyncio.to_thread(self.fleet.rabbitmq.management.call, method, path, body)

    async def managed(self, method: str, path: str) -> Any:  # noqa: ANN401 - JSON
        """Call it until it answers: the broker may just have started."""
        for _ in range(50):
            try:
                return await self.manage(method, path)
            except MachineError:
                await asyncio.sleep(0.4)
        return await self.manage(method, path)


async def _eventually(so: Any, seconds: float) -> bool:  # noqa: ANN401 - a blocking predicate
    end = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(so):
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(0.1)
    return True
