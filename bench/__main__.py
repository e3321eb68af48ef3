"""`python -m bench [NAME …]`: measure what is named, or everything; keep it under bench/results/, print it all."""

import asyncio
import sys
import time

import structlog
import uvloop

from bench import catalogue, importing, inbox, latency, logins, orders, relay, system, webhook
from bench.machines import machines
from bench.report import RESULTS, conditions, keep, show
from bench.rounds import say

MEASURES = {
    "inbox": inbox.measure,
    "relay": relay.measure,
    "latency": latency.measure,
    "orders": orders.measure,
    "webhook": webhook.measure,
    "catalogue": catalogue.measure,
    "importing": importing.measure,
    "logins": logins.measure,
    "system": system.measure,
}


async def bench(names: list[str]) -> None:
    """Run the named measurements, one after the other, on one PostgreSQL and one RabbitMQ."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    started = time.monotonic()
    with machines() as made:
        for name in names:
            begun = time.monotonic()
            say(f"— {name}")
            before = await conditions(made)
            keep(await MEASURES[name](made), before)
            say(f"   took {time.monotonic() - begun:.0f} s")
    show([name for name in MEASURES if (RESULTS / f"{name}.json").exists()])
    say(f"took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(MEASURES)
    if unknown := [name for name in chosen if name not in MEASURES]:
        sys.exit(f"Nothing is called {', '.join(unknown)}. Choose of: {' '.join(MEASURES)}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bench(chosen))
