"""Frozen, not dead: whoever leads the relay, the broker, or a few of the database's own processes."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import httpx2

from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage

_LED_WITHIN: Final = 90.0
_HELD: Final = 6.0
_ANSWERED_WITHIN: Final = 20.0
_TWO: Final = 2
_PAGES: Final = {"catalog": "/products?limit=1", "orders": "/orders?limit=1", "payments": "/payments?limit=1"}
_BACKENDS: Final = """
SELECT pid FROM pg_stat_activity WHERE datname = 'souk_' || $1 AND application_name = 'souk-' || $1
ORDER BY state = 'active' DESC, state_change DESC LIMIT 2
"""


@fault("F6", "Of two relays of orders the one that leads is frozen until the other has taken over.", lasts=90)
async def relay_frozen(stage: Stage) -> Blow:
    """F6: the server drops whoever is silent for too long; what it still has in hand it can mark no more."""
    return await freeze_leader(stage, "orders")


async def freeze_leader(stage: Stage, service: str) -> Blow:
    """Freeze the process that leads a service's relay until another leads, and then a moment more."""
    async with AsyncExitStack() as stack:
        if len(stage.units(service, role="worker")) < _TWO:
            await stack.enter_async_context(stage.another(service))
        workers = stage.units(service, role="worker")
        first = await _leader(stage, workers)
        began = time.monotonic()
        stage.fleet.process(first).freeze()
        try:
            stage.count_in_flight()
            second = await _leader(stage, [unit for unit in workers if unit != first])
            took = time.monotonic() - began
            await asyncio.sleep(_TWO)
        finally:
            stage.fleet.process(first).thaw()
        await stage.whole(first)
    return Blow(1, f"{first} was frozen, and {second} led after {took:.0f} s")


async def _leader(stage: Stage, units: Iterable[str]) -> str:
    """Wait until one of these leads its service's relay; return which."""
    end = time.monotonic() + _LED_WITHIN
    while time.monotonic() < end:
        for unit in units:
            with suppress(httpx2.TransportError, ValueError):
                told = (await stage.http.get(stage.fleet.units[unit].ready_url, timeout=2)).json()
                if told.get("leads"):
                    return unit
        await asyncio.sleep(0.3)
    raise NotAsPlanned(f"none of {', '.join(units)} leads the relay")


@fault("F12", "RabbitMQ is frozen for ten seconds: no word, no reset, no end.")
async def broker_frozen(stage: Stage) -> Blow:
    """F12: every publish ends in time, its outcome unknown."""
    broker = stage.fleet.rabbitmq
    stage.count_in_flight()
    await asyncio.to_thread(broker.freeze)
    try:
        silent = await asyncio.to_thread(lambda: not broker.management.is_up())  # asks for ten seconds
    finally:
        await asyncio.to_thread(broker.thaw)
    await stage.managed("GET", "overview")
    return Blow(int(silent))


@fault("F31", "Two of the database's processes that serve orders are frozen for six seconds.")
async def backends_frozen(stage: Stage) -> Blow:
    """F31: whoever waits for them gives up in time."""
    return await freeze_backends(stage, "orders")


async def freeze_backends(stage: Stage, service: str) -> Blow:
    """Freeze two of the sessions of a service; meanwhile it answers, be it that it cannot."""
    pids = [row["pid"] for row in await stage.sql(service, _BACKENDS, service)]
    page = f"http://127.0.0.1:{stage.fleet.units[stage.units(service, role='api')[0]].port}/api/v1{_PAGES[service]}"
    async with _frozen(pids):
        stage.count_in_flight()
        end, answered = time.monotonic() + _HELD, 0
        while time.monotonic() < end:
            try:
                await stage.http.get(page, timeout=_ANSWERED_WITHIN)
            except httpx2.TransportError as error:
                raise NotAsPlanned(f"{service} does not answer within {_ANSWERED_WITHIN:g} s: {error!r}") from error
            answered += 1
            await asyncio.sleep(0.5)
    return Blow(len(pids), f"{answered} requests to {service} answered meanwhile")


@asynccontextmanager
async def _frozen(pids: Iterable[int]) -> AsyncIterator[None]:
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
