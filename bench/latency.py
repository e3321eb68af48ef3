"""From a fact's commit in one service to the commit of its effect in another, at 100 facts a second."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aio_pika
import asyncpg

from bench import broker
from bench.facts import EXTRA_TABLES, Sold, a_sale
from bench.machines import Machines
from bench.rounds import Measured, beside, percentile, say
from common.broker import RabbitWire
from common.db import Database, open_database, plain_dsn
from common.outbox import Relay, emit
from common.telemetry import Metrics
from common.testing import encode

RATE, SECONDS, ROUNDS = 100, 6, 3
WARM_UP = RATE  # the first second opens connections
Tell = Callable[[Sold], Awaitable[int]]
_STORE = "INSERT INTO outbox (id, type, subject, body) VALUES ($1, 'bench.sold', '', $2)"


async def measure(machines: Machines) -> Measured:
    """Tell facts at a steady pace, and compare the clocks of both processes: ours and a bare pair, in turns."""
    url, hearer = await machines.machinery("bench_teller"), await machines.machinery("bench_hearer", *EXTRA_TABLES)
    amqp = machines.rabbitmq.amqp_url
    await broker.declare(amqp)
    found: dict[str, list[list[float]]] = {"ours": [], "bare": []}
    for number in range(ROUNDS):
        for mode, opened in (("ours", _ours(url, amqp)), ("bare", _bare(url, amqp))):
            await broker.purge(amqp)
            file = machines.home.path / f"{mode}-{number}.json"
            async with opened as tell:
                found[mode].append(await _round(machines, tell, [amqp, hearer, str(file), str(RATE * SECONDS), mode]))
            took = found[mode][-1]
            say(f"   {mode}: p50 {percentile(took, 0.5):.1f} ms   p99 {percentile(took, 0.99):.1f} ms")

    def at(share: float) -> dict[str, list[float]]:
        return {mode: [percentile(took, share) for took in rounds] for mode, rounds in found.items()}

    return Measured(
        "latency",
        f"{RATE} facts a second for {SECONDS} s (the first not counted), one process tells, one hears, {ROUNDS} rounds",
        [beside("commit → handled, p50", at(0.5), "ms", 6), beside("commit → handled, p99", at(0.99), "ms", 20)],
    )


@asynccontextmanager
async def _ours(url: str, amqp: str) -> AsyncIterator[Tell]:
    teller: Database = open_database(url, "teller")
    wire = RabbitWire(amqp)
    relay = asyncio.create_task(Relay(teller, wire, Metrics("teller")).run())

    async def tell(fact: Sold) -> int:
        async with teller.transaction() as session:
            emit(session, fact)
        return time.monotonic_ns()

    try:
        yield tell
    finally:
        relay.cancel()
        with suppress(asyncio.CancelledError):
            await relay
        await wire.close()
        await teller.close()


@asynccontextmanager
async def _bare(url: str, amqp: str) -> AsyncIterator[Tell]:
    async with asyncpg.create_pool(plain_dsn(url)) as pool, broker.channel(amqp, confirms=True) as opened:
        exchange = await opened.get_exchange("events", ensure=False)

        async def tell(fact: Sold) -> int:
            body = encode(fact)
            await pool.execute(_STORE, fact.order_id, body)
            committed = time.monotonic_ns()
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await exchange.publish(message, Sold.wire)
            return committed

        yield tell
        await pool.execute("DELETE FROM outbox")


async def _round(machines: Machines, tell: Tell, where: list[str]) -> list[float]:
    told: dict[str, int] = {}

    async def one(fact: Sold) -> None:
        told[str(fact.order_id)] = await tell(fact)

    with machines.process("hearer", ["-m", "bench.hearer", *where], {}, None) as process:
        await asyncio.sleep(2)  # it connects
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(RATE * SECONDS):
                await asyncio.sleep(max(0, begun + number / RATE - time.perf_counter()))
                group.create_task(one(a_sale()))
        async with asyncio.timeout(30):
            while process.running:
                await asyncio.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"the hearer failed: {process.last_lines()}")
    handled = _heard(Path(where[2]))
    return [(handled[order] - moment) / 1e6 for order, moment in list(told.items())[WARM_UP:]]


def _heard(file: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads(file.read_text())
    return found
