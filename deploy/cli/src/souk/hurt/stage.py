"""Where faults happen: a fleet of processes, a crowd that buys, and the means to hurt both."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import asyncpg
import httpx2

from common.db import plain_dsn
from souk.fleet import Fleet, Unit
from souk.home import SERVICES
from souk.hurt.customers import Customer, until
from souk.hurt.dial import Dial
from souk.hurt.workload import Crowd
from souk.machines.errors import MachineError
from souk.machines.processes import answers

Role = Literal["api", "worker"]
READY_WITHIN: Final = 60.0
DIES_WITHIN: Final = 120.0  # a crowd that was held up buys again by and by


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

    async def some(self, service: str, count: str, *args: object, within: float = 120) -> int:
        """Ask for a `count` until it is not nothing, or the time is over; return the last one."""
        end = time.monotonic() + within
        while True:
            found = int((await self.sql(service, count, *args))[0]["count"])
            if found or time.monotonic() > end:
                return found
            await asyncio.sleep(0.3)

    @asynccontextmanager
    async def connection(self, service: str) -> AsyncIterator[Any]:
        """Give a connection to a service's database."""
        connection = await _patiently(plain_dsn(self.databases[service]))
        try:
            yield connection
        finally:
            connection.terminate()

    def units(self, *names: str, role: Role | None = None) -> list[str]:
        """Return the units that these names mean, each a unit or all of a service, of those that do a role's work."""
        there = self.fleet.units
        named = [[name] if name in there else [u.name for u in there.values() if u.service == name] for name in names]
        return [unit for found in named for unit in found if role is None or there[unit].role in {role, "all"}]

    def running(self, *names: str) -> list[str]:
        """Return those of the units that run."""
        return [unit for unit in self.units(*names) if self.fleet.process(unit).running]

    async def start(self, *names: str, **extra: str) -> None:
        """Start units, with more variables than the others have."""
        for unit in self.units(*names):
            await asyncio.to_thread(self.fleet.start_unit, unit, extra)

    async def kill(self, *names: str) -> None:
        """SIGKILL."""
        self.count_in_flight()
        for unit in self.units(*names):
            if await asyncio.to_thread(self.fleet.process(unit).kill) != -signal.SIGKILL:
                raise NotAsPlanned(f"{unit} was not there to be killed")

    async def terminate(self, unit: str, within: float) -> float:
        """SIGTERM; return after how many seconds it ended, which it has to do in time and with exit code 0."""
        self.count_in_flight()
        began, process = time.monotonic(), self.fleet.process(unit)
        if code := await asyncio.to_thread(process.stop, within):
            raise NotAsPlanned(f"{unit} was asked to end and ended with {code}: {process.last_lines()[-400:]}")
        return time.monotonic() - began

    async def death_of(self, *names: str) -> None:
        """Wait until a fault point has killed one of these units."""
        processes = {unit: self.fleet.process(unit) for unit in self.units(*names)}
        if not await until(lambda: not all(process.running for process in processes.values()), DIES_WITHIN):
            raise NotAsPlanned(f"{' or '.join(processes)} did not come by its fault point within {DIES_WITHIN:g} s")
        self.count_in_flight()
        for unit, process in processes.items():
            if not process.running and process.returncode != -signal.SIGKILL:
                raise NotAsPlanned(f"{unit} ended with {process.returncode}: {process.last_lines()[-400:]}")

    async def whole(self, *names: str) -> None:
        """Start what is dead of these units, or of all, and wait until they are ready."""
        wanted = self.units(*names) if names else list(self.fleet.units)
        for unit in wanted:
            process = self.fleet.units[unit].process
            if process is None or not process.running:
                await self.start(unit)

        def unready() -> list[str]:
            return [unit for unit in wanted if not answers(self.fleet.units[unit].ready_url)]

        if not await _eventually(lambda: not unready(), READY_WITHIN):
            raise NotAsPlanned(f"{', '.join(unready())} was not ready within {READY_WITHIN:g} s")

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


async def _patiently(dsn: str) -> Any:  # noqa: ANN401 - a connection of asyncpg's
    """Connect, be it that another fault has the database just now."""
    for _ in range(40):
        try:
            return await asyncpg.connect(dsn, timeout=10)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.5)
    return await asyncpg.connect(dsn, timeout=10)


async def _eventually(so: Any, seconds: float) -> bool:  # noqa: ANN401 - a blocking predicate
    end = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(so):
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(0.1)
    return True
