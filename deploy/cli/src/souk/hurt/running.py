"""One run: the fleet comes up, faults strike one after the other, and after each the books are opened."""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Final

from souk.home import Home
from souk.hurt.enduring import console, endure
from souk.hurt.every import FAULTS
from souk.hurt.faults.plan import Fault
from souk.hurt.opening import open_stage
from souk.hurt.stage import NotAsPlanned, Stage

_LEFT_FOR_THE_END: Final = 25.0


async def run(
    home: Home, given: Mapping[str, str], plan: Sequence[Fault], seconds: float | None, dice: random.Random
) -> int:
    """Run the plan, or as much of it as fits into the time; return how many faults were not survived."""
    started, failed, left_out = time.monotonic(), list[str](), list[str]()
    async with open_stage(home, given, dice) as stage:
        began = time.monotonic()  # a slow start takes nothing from the time for faults
        console.print(f"[dim]the fleet is up after {began - started:.0f} s; its logs: {home.logs}[/]")
        for fault in plan:
            if seconds is not None and time.monotonic() - began + fault.lasts > seconds - _LEFT_FOR_THE_END:
                left_out.append(fault.name)
                continue
            outcome = await endure(stage, fault)
            outcome.tell()
            if outcome.wrong:
                failed.append(fault.name)
        if left_out:
            console.print(f"[dim]left out, for want of time: {', '.join(left_out)}[/]")
        if len(left_out) == len(plan):
            failed.append("there was no time for any fault")
        locked_out = await stage.crowd.all_return()
        _tell_all(stage, [*failed, *locked_out])
    return len(failed) + len(locked_out)


def _tell_all(stage: Stage, failed: Sequence[str]) -> None:
    ledger = stage.crowd.ledger
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in ledger.outcomes().most_common())
    console.print(f"\n{len(ledger.purchases)} purchases: {outcomes}\n{ledger.latencies()}")
    console.print(f"{len(ledger.accounts)} accounts, which all logged in again at the end or are named below")
    console.print(f"[red]not survived: {', '.join(failed)}[/]" if failed else "[green]every promise was kept[/]")


def schedule(seed: int, only: str | None, *, short: bool = False) -> tuple[list[Fault], random.Random]:
    """Return the faults in the order this seed gives them, without the long series of deaths when `short`.

    Raises NotAsPlanned for a name that is none.
    """
    dice = random.Random(seed)  # noqa: S311 - these dice must be repeatable, not secret
    if only:
        wanted = [name.strip() for name in only.split(",")]
        if unknown := [name for name in wanted if name not in FAULTS]:
            raise NotAsPlanned(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
        return [FAULTS[name] for name in wanted], dice
    faults = [fault for fault in FAULTS.values() if fault.numbered or not short]
    dice.shuffle(faults)
    return faults, dice
