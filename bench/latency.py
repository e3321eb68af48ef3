"""From a fact's commit in one service to the commit of its effect in another, at 100 facts a second."""

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path

from bench import broker
from bench.facts import EXTRA_TABLES, Sold, a_sale
from bench.machines import Machines
from bench.rounds import Measured, limit, percentile, say
from common.broker import RabbitWire
from common.db import Database, open_database
from common.outbox import Relay, emit
from common.telemetry import Metrics

RATE, SECONDS, ROUNDS = 100, 6, 3


async def measure(machines: Machines) -> Measured:
    """Tell facts at a steady pace, for as long as a round takes, and compare both processes' clocks."""
    teller = open_database(await machines.machinery("bench_teller"), "teller")
    hearer, amqp = await machines.machinery("bench_hearer", *EXTRA_TABLES), machines.rabbitmq.amqp_url
    await broker.declare(amqp)
    await broker.purge(amqp)
    wire, middle, late = RabbitWire(amqp), [], []
    relay = asyncio.create_task(Relay(teller, wire, Metrics("teller")).run())
    try:
        for number in range(ROUNDS):
            took = await _round(machines, teller, [amqp, hearer, str(machines.home.path / f"heard-{number}.json")])
            middle.append(percentile(took, 0.5))
            late.append(percentile(took, 0.99))
            say(f"   p50 {middle[-1]:.1f} ms   p99 {late[-1]:.1f} ms   longest {max(took):.1f} ms")
    finally:
        relay.cancel()
        with suppress(asyncio.CancelledError):
            await relay
        await wire.close()
        await teller.close()
    return Measured(
        "latency",
        f"{RATE} facts a second for {SECONDS} s, one process that tells and one that hears, {ROUNDS} rounds",
        [limit("commit → handled, p50", middle, "ms", 6), limit("commit → handled, p99", late, "ms", 20)],
    )


async def _round(machines: Machines, teller: Database, where: list[str]) -> list[float]:
    told: dict[str, int] = {}
    total = RATE * SECONDS
    with machines.process("hearer", ["-m", "bench.hearer", *where, str(total)], {}, None) as process:
        await asyncio.sleep(2)  # it connects
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(total):
                await asyncio.sleep(max(0, begun + number / RATE - time.perf_counter()))
                group.create_task(_tell(teller, told))
        async with asyncio.timeout(30):
            while process.running:
                await asyncio.sleep(0.05)
    handled = _heard(Path(where[2]))
    return [(handled[order] - moment) / 1e6 for order, moment in told.items()]


async def _tell(teller: Database, told: dict[str, int]) -> None:
    fact: Sold = a_sale()
    async with teller.transaction() as session:
        emit(session, fact)
    told[str(fact.order_id)] = time.monotonic_ns()


def _heard(file: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads(file.read_text())
    return found
