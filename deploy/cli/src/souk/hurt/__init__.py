"""`souk hurt`: the system is broken on purpose, again and again, and counted afterwards."""

from collections.abc import Mapping

from souk.home import Home
from souk.hurt.running import console, run, schedule

__all__ = ["hurt"]


async def hurt(home: Home, given: Mapping[str, str], *, seed: int, only: str | None, seconds: float | None) -> int:
    """Hurt a fleet of its own in the order the seed gives, and return the exit code.

    `only` names faults, separated by commas; `seconds` bounds the run, None makes it thorough.
    """
    plan, dice = schedule(seed, only)
    console.print(f"seed {seed}: {', '.join(fault.name for fault in plan)}")
    failed = await run(home, given, plan, seconds or None, dice)
    if failed:
        console.print(f"logs: {home.logs}")
    return 1 if failed else 0
