"""One run: the fleet comes up, faults strike one after the other, and after each the books are opened."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx2
from rich.console import Console

from souk.client import Client
from souk.doctor import Report, examine
from souk.fleet import Fleet
from souk.home import Home
from souk.hurt.customers import GaveUp, Refused
from souk.hurt.dial import Dial
from souk.hurt.drain import drain
from souk.hurt.every import FAULTS
from souk.hurt.faults.plan import Blow, Fault
from souk.hurt.stage import NotAsPlanned, Stage
from souk.hurt.workload import Crowd
from souk.machines.errors import MachineError
from souk.machines.ports import free_port
from souk.machines.postgres import PostgresServer
from souk.running import admin_of
from souk.seed import SELLER, seed

# Polls, back-off and expiry in seconds instead of minutes; leases short enough to end within one drain.
TEMPO: Final = {
    "SOUK_PACE": "20",
    "ORDER_EXPIRES_AFTER": "30s",
    "HANDLER_LIMIT": "2s",
    "PROVIDER_TIMEOUT": "2s",
    "ARGON2_PROFILE": "light",
    "LOG_LEVEL": "WARNING",
}
_LEFT_FOR_THE_END: Final = 25.0
console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault: nothing in `wrong` means that every promise was kept."""

    blow: Blow
    in_flight: int
    recovered: float
    drained: float
    rows: int
    wrong: Sequence[str]


async def run(
    home: Home, given: Mapping[str, str], plan: Sequence[Fault], seconds: float | None, dice: random.Random
) -> int:
    """Run the plan, or as much of it as fits into the time; return how many faults were not survived."""
    began, failed = time.monotonic(), []
    async with _stage(home, given, dice) as stage:
        stage.thorough = seconds is None
        console.print(f"[dim]the fleet is up after {time.monotonic() - began:.0f} s; its logs: {home.logs}[/]")
        for fault in plan:
            if seconds is not None and time.monotonic() - began + fault.lasts > seconds - _LEFT_FOR_THE_END:
                console.print(f"[dim]{fault.name:16} left out: no time[/]")
                continue
            outcome = await _endure(stage, fault)
            _tell(fault, outcome)
            if outcome.wrong:
                failed.append(fault.name)
        _tell_all(stage, failed)
    return len(failed)


@asynccontextmanager
async def _stage(home: Home, given: Mapping[str, str], dice: random.Random) -> AsyncIterator[Stage]:
    PostgresServer(home.postgres).erase()
    home.erase()
    home.open()
    environ = {**given, **TEMPO}
    fleet = Fleet(home, environ, port=free_port())
    limits = httpx2.Limits(max_connections=700, max_keepalive_connections=200)
    async with httpx2.AsyncClient(timeout=30, limits=limits, trust_env=False) as http:
        try:
            await asyncio.to_thread(fleet.start)
            where, guest = fleet.where, Client(http, fleet.where.public)
            await seed(guest, admin_of(home, environ))
            crowd = Crowd(http, (where.public, f"{where.sandbox}/stripe"), dice)
            seller = await guest.login(*SELLER[1:])
            await crowd.prepare(seller)
            arriving = asyncio.create_task(crowd.arrive())
            yield Stage(fleet, crowd, Dial(http, where.sandbox), http, seller, dice)
            arriving.cancel()
        finally:
            await asyncio.to_thread(fleet.stop)


async def _endure(stage: Stage, fault: Fault) -> Outcome:
    wrong: list[str] = []
    blow, recovered = Blow(0), 0.0
    stage.required, stage.fewest = fault.crowd, 1_000_000
    if fault.crowd:
        stage.crowd.open()
        await stage.crowd.at_least(fault.crowd)
        stage.count_in_flight()
    try:
        blow = await fault.strike(stage)
        await stage.whole()
        recovered = await stage.crowd.probe()
    except (NotAsPlanned, MachineError, GaveUp, Refused) as error:
        wrong.append(str(error))
        with suppress(NotAsPlanned):
            await stage.whole()
    if not blow.fired:
        wrong.append("the fault did not fire")
    if fault.crowd and stage.fewest < fault.crowd:
        wrong.append(f"only {stage.fewest} purchases were under way")
    await stage.crowd.empty()
    began = time.monotonic()
    wrong += [f"still moving: {words}" for words in await drain(stage.databases, stage.dial)]
    drained = time.monotonic() - began
    report = await examine(stage.databases, truth_url=f"{stage.fleet.where.sandbox}/truth", grace=timedelta(0))
    wrong += [*_findings(report), *await stage.crowd.ledger.check(stage.databases)]
    return Outcome(blow, stage.fewest if fault.crowd else 0, recovered, drained, report.examined, wrong)


def _findings(report: Report) -> list[str]:
    found = [*report.findings, *report.in_flight]
    return [line.strip() for finding in found for line in finding.lines()]


def _tell(fault: Fault, outcome: Outcome) -> None:
    verdict = "[red]NOT SURVIVED[/]" if outcome.wrong else f"[green]healthy[/], {outcome.rows:,} rows"
    flight = f"{outcome.in_flight} in flight, " if outcome.in_flight else ""
    console.print(
        f"{fault.name:16} {fault.sentence} Fired {outcome.blow.fired}×, {flight}"
        f"back after {outcome.recovered:.1f} s, drained in {outcome.drained:.0f} s: {verdict}"
    )
    if outcome.blow.note:
        console.print(f"[dim]{'':16} {outcome.blow.note}[/]")
    for sentence in outcome.wrong:
        console.print(f"{'':16} [red]{sentence}[/]", markup=True)


def _tell_all(stage: Stage, failed: Sequence[str]) -> None:
    ledger = stage.crowd.ledger
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in ledger.outcomes().most_common())
    console.print(f"\n{len(ledger.purchases)} purchases: {outcomes}\n{ledger.latencies()}")
    console.print(f"[red]not survived: {', '.join(failed)}[/]" if failed else "[green]every promise was kept[/]")


def schedule(seed: int, only: str | None) -> tuple[list[Fault], random.Random]:
    """Return the faults in the order this seed gives them; raises NotAsPlanned for a name that is none."""
    dice = random.Random(seed)  # noqa: S311 - these dice must be repeatable, not secret
    if only:
        wanted = only.split(",")
        if unknown := [name for name in wanted if name not in FAULTS]:
            raise NotAsPlanned(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
        return [FAULTS[name] for name in wanted], dice
    faults = list(FAULTS.values())
    dice.shuffle(faults)
    return faults, dice
