"""`python -m bench [NAME …]`: measure what is named, or everything; print the table, keep it under bench/results/."""

import asyncio
import sys
import time

import structlog
import uvloop

from bench import catalogue, inbox, latency, orders, relay, system, webhook
from bench.machines import machines
from bench.report import conditions, keep, show
from bench.rounds import say

MEASURES = {
    "inbox": inbox.measure,
    "relay": relay.measure,
    "latency": latency.measure,
    "orders": orders.measure,
    "webhook": webhook.measure,
    "catalogue": catalogue.measure,
    "system": system.measure,
}


async def bench(names: list[str]) -> None:
    """Run the named measurements, one after the other, on one PostgreSQL and one RabbitMQ."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    started, measured = time.monotonic(), []
    with machines() as made:
        for name in names:
            begun = time.monotonic()
            say(f"— {name}")
            before = await conditions(made)
            measured.append(await MEASURES[name](made))
            keep(measured[-1], before)
            say(f"   took {time.monotonic() - begun:.0f} s")
    show(measured)
    say(f"took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(MEASURES)
    if unknown := [name for name in chosen if name not in MEASURES]:
        sys.exit(f"Nothing is called {', '.join(unknown)}. Choose of: {' '.join(MEASURES)}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bench(chosen))
