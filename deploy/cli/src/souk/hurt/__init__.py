"""`souk hurt`: the system is broken on purpose, again and again, and counted afterwards."""

import time
from collections.abc import Mapping

from souk.home import Home
from souk.hurt.enduring import console
from souk.hurt.running import run, schedule
from souk.hurt.stage import NotAsPlanned

__all__ = ["hurt"]


async def hurt(home: Home, given: Mapping[str, str], *, seed: int, only: str | None, seconds: float | None) -> int:
    """Hurt a fleet of its own in the order the seed gives, and return the exit code.

    `only` names faults, separated by commas; `seconds` bounds the run, None makes it thorough.
    """
    began = time.monotonic()
    try:
        plan, dice = schedule(seed, only, short=seconds is not None)
    except NotAsPlanned as error:
        console.print(f"[red]{error}[/]")
        return 1
    console.print(f"seed {seed}: {', '.join(fault.name for fault in plan)}")
    failed = await run(home, given, plan, seconds, dice)
    console.print(f"[dim]seed {seed}, {time.monotonic() - began:.0f} s; logs: {home.logs}[/]")
    return 1 if failed else 0
