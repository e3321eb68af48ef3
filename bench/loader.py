"""The process of the load generator: takes a load on its standard input and gives the answers on its output."""

import asyncio
import pickle
import sys

import uvloop

from bench.load import run

if __name__ == "__main__":
    load = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(pickle.dumps(runner.run(run(load))))
