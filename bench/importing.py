"""Importing 100,000 products while customers buy: how long it takes, how flat its memory stays, what buyers feel."""

import asyncio
import json
import os
import statistics
import sys
import time
from contextlib import suppress
from pathlib import Path

from bench.counter import Buy, at_the_counter, memory_of, orders_port, processes
from bench.machines import ROOT, Machines
from bench.rounds import Line, Measured, limit, say, within
from souk.environment import ADMIN_EMAIL
from souk.home import Home

PRODUCTS = int(os.environ.get("PRODUCTS", "100000"))
QUIET = 4  # rounds of purchases before the import, and again after it


async def measure(machines: Machines) -> Measured:
    """Buy before, during and after an import, and import the same again."""
    home = Home(machines.home.path / "import").open()
    file = home.path / "products.jsonl"
    file.write_text("".join(json.dumps(_product(n)) + "\n" for n in range(PRODUCTS)))
    async with processes(home) as fleet:
        buy = await at_the_counter(home, fleet.port, orders_port(fleet))
        quiet = [await buy(5) for _ in range(QUIET)]
        first, busy, memory = await _import(home, fleet.port, file, buy)
        quiet += [await buy(5) for _ in range(QUIET)]
        again, _, _ = await _import(home, fleet.port, file, None)
    say(f"   quiet {quiet}\n   busy {busy}")
    return Measured(
        "importing",
        f"{PRODUCTS:,} products with stock, price, category and tags, over RabbitMQ; purchases at 5/s meanwhile",
        [
            limit("import, first", [first], "s", 900),
            limit("import, the same again: nothing changed", [again], "s", 900),
            limit("import, largest growth of its memory", [max(memory) - min(memory)], "MB", 30),
            *_felt(quiet, busy),
        ],
    )


def _felt(quiet: list[tuple[float, float]], busy: list[tuple[float, float]]) -> list[Line]:
    lines = []
    for at, name in enumerate(("p50", "p99")):
        bare = statistics.median(one[at] for one in quiet)
        found = {"ours": [one[at] for one in busy], "bare": [bare] * len(busy)}
        lines.append(within(f"order → client_secret during an import, {name}", found, "ms", 1.5))
    return lines


async def _import(
    home: Home, port: int, file: Path, buy: Buy | None
) -> tuple[float, list[tuple[float, float]], list[float]]:
    command = [
        str(Path(sys.executable).parent / "souk"),
        "catalog",
        "import",
        str(file),
        "--url",
        f"http://127.0.0.1:{port}",
    ]
    login = {"SOUK_EMAIL": ADMIN_EMAIL, "SOUK_PASSWORD": str(home.secrets()["ADMIN_PASSWORD"])}
    began, felt, memory = time.monotonic(), [], []
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=os.environ | login)
    ended = asyncio.create_task(process.wait())
    while not ended.done():
        if buy is not None:
            felt.append(await buy(5))
        with suppress(TimeoutError, OSError):
            memory.append(memory_of(process.pid))
            await asyncio.wait_for(asyncio.shield(ended), 5)
    assert await ended == 0, "nothing is refused"
    return time.monotonic() - began, felt[:-1], memory[1:]


def _product(n: int) -> dict[str, object]:
    return {
        "sku": f"IMP-{n:06}",
        "kind": "physical",
        "name": f"Imported thing number {n}",
        "description": "One of the many things of a big shop. " * 5,
        "price": {"amount": 100 + n % 5000, "currency": "USD"},
        "stock": n % 100,
        "category": f"Imported/Shelf {n % 50}",
        "tags": ["imported", f"t{n % 20}"],
    }
