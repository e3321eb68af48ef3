"""The whole system: how soon it is up, how much memory it takes idle, how soon an order can be paid."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.counter import COUNT, RATE, at_the_counter, memory_of, orders_port, processes
from bench.machines import ROOT, Machines
from bench.rounds import Line, Measured, limit, say
from souk.home import Home
from souk.machines.ports import free_port
from souk.machines.processes import Process

ROUNDS = 3
SETTLED = 8  # seconds until what a start left behind has been given back


async def measure(machines: Machines) -> Measured:
    """Start it in one process, twice, and then as processes over RabbitMQ."""
    lines = [*await _one_process(Home(machines.home.path / "one").open())]
    lines += await _fleet(Home(machines.home.path / "fleet").open())
    how = f"{COUNT} orders of one line at {RATE}/s in each of {ROUNDS} rounds; the sandbox is the provider"
    return Measured("system", how, lines)


async def _one_process(home: Home) -> list[Line]:
    with _running(home) as (_, _, first):
        pass
    starts = []
    for _ in range(ROUNDS - 1):
        with _running(home) as (_, _, seconds):
            starts.append(seconds)
    with _running(home) as (process, port, seconds):
        starts.append(seconds)
        await asyncio.sleep(SETTLED)
        idle = memory_of(process.pid)
        say(f"   first start {first:.1f} s   then {' '.join(f'{one:.1f}' for one in starts)} s   idle {idle:.0f} MB")
        lines = await _orders("one process", home, port, port)
    return [
        limit("one process, first start in an empty folder", [first], "s"),
        limit("one process, start", starts, "s", 3),
        limit("one process, all services, idle", [idle], "MB", 300),
        *lines,
    ]


@contextmanager
def _running(home: Home) -> Iterator[tuple[Process, int, float]]:
    port = free_port()
    command = [sys.executable, "-m", "bench.one", str(home.path), str(port)]
    ready = f"http://127.0.0.1:{port}/api/v1/health"
    process = Process(command, home.logs / "one.log", cwd=ROOT, ready=ready, name="one process")
    begun = time.monotonic()
    process.start()
    try:
        process.wait_ready(60)
        yield process, port, time.monotonic() - begun
    finally:
        process.stop(20)


async def _fleet(home: Home) -> list[Line]:
    async with processes(home) as fleet:
        await asyncio.sleep(SETTLED)
        memory = {name: memory_of(fleet.process(name).pid) for name in fleet.units}
        say("   " + "   ".join(f"{name} {size:.0f} MB" for name, size in memory.items()))
        lines = await _orders("RabbitMQ, processes", home, fleet.port, orders_port(fleet))
    return [limit("largest service alone, idle", [max(memory.values())], "MB", 110), *lines]


async def _orders(where: str, home: Home, port: int, orders_port: int) -> list[Line]:
    buy = await at_the_counter(home, port, orders_port)
    found = {wait: [await buy(wait) for _ in range(ROUNDS)] for wait in (0, 5)}
    say(f"   {where}: " + "   ".join(f"wait={wait} {rounds}" for wait, rounds in found.items()))
    targets = {0: (None, None), 5: (80, 250)}
    return [
        limit(f"POST /orders, wait={wait}, {where}, {name}", [one[at] for one in rounds], "ms", targets[wait][at])
        for wait, rounds in found.items()
        for at, name in enumerate(("p50", "p99"))
    ]
