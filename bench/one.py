"""The one-process system as `make run` starts it, without the seeding: `python -m bench.one FOLDER PORT`."""

import asyncio
import sys
from pathlib import Path

import uvloop

from common.serve import stop_signal
from common.telemetry import log_as_json
from souk.home import Home
from souk.onebox import one_process


async def run(home: Home, port: int) -> None:
    """Run it until told to stop."""
    stop = stop_signal()
    log_as_json("WARNING")
    async with one_process(home, {}, port, lambda _: None):
        await stop.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(Home(Path(sys.argv[1])).open(), int(sys.argv[2])))
