"""One fault endured: it strikes a crowd at work, everything heals and drains, and then the books are opened."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from rich.console import Console

from souk.doctor import Report, examine
from souk.doctor.report import Finding
from souk.hurt.customers import GaveUp, Refused
from souk.hurt.drain import drain
from souk.hurt.faults.plan import Blow, Fault
from souk.hurt.stage import NotAsPlanned, Stage
from souk.machines.errors import MachineError

_EXPECTED: Final = (NotAsPlanned, MachineError, GaveUp, Refused)
_MOMENT: Final = 3.0
console = Console(highlight=False, soft_wrap=True)


@dataclass(slots=True)
class Outcome:
    """What came of one fault, in seconds and counts: nothing in `wrong` means that every promise was kept."""

    fault: Fault
    blow: Blow = field(default_factory=lambda: Blow(0))
    in_flight: int = 0
    recovered: float = 0
    drained: float = 0
    took: float = 0
    rows: int = 0
    wrong: list[str] = field(default_factory=list)

    def judge(self) -> None:
        """Count as broken what proves nothing: a fault that never fired, or one that met too few purchases."""
        if not self.blow.fired:
            self.wrong.append("the fault did not fire")
        if self.in_flight < self.fault.crowd:
            self.wrong.append(f"only {self.in_flight} purchases were under way")

    def tell(self) -> None:
        """Print it."""
        verdict = "[red]NOT SURVIVED[/]" if self.wrong else f"[green]healthy[/], {self.rows:,} rows"
        flight = f"{self.in_flight} in flight, " if self.fault.crowd else ""
        console.print(
            f"{self.fault.name:16} {self.fault.sentence} Fired {self.blow.fired}×, {flight}back after "
            f"{self.recovered:.1f} s, drained in {self.drained:.0f} s, {self.took:.0f} s in all: {verdict}"
        )
        if self.blow.note:
            console.print(f"[dim]{'':16} {self.blow.note}[/]")
        for sentence in self.wrong:
            console.print(f"{'':16} {sentence}", style="red", markup=False)


async def endure(stage: Stage, fault: Fault) -> Outcome:
    """Let a fault strike, heal, drain, and count."""
    began, outcome = time.monotonic(), Outcome(fault)
    await _strike(stage, fault, outcome)
    outcome.judge()
    await stage.crowd.empty()
    draining = time.monotonic()
    wrong = [f"still moving: {words}" for words in await drain(stage.databases, stage.dial)]
    outcome.drained = time.monotonic() - draining
    outcome.rows, findings = await _examine(stage)
    wrong += [*findings, *await stage.crowd.ledger.check(stage.databases)]
    # What an earlier fault broke stays broken, and is told once.
    outcome.wrong += [sentence for sentence in wrong if sentence not in stage.broken]
    stage.broken.update(wrong)
    outcome.took = time.monotonic() - began
    return outcome


async def _examine(stage: Stage) -> tuple[int, Sequence[str]]:
    """Return how many rows were examined, and what is wrong: what is due just now is not so any more a moment later."""
    truth = f"{stage.fleet.where.sandbox}/truth"
    report = await examine(stage.databases, truth_url=truth, grace=timedelta(0))
    if first := _findings(report):
        await asyncio.sleep(_MOMENT)
        second = _findings(await examine(stage.databases, truth_url=truth, grace=timedelta(0)))
        return report.examined, _lasting(first, second)
    return report.examined, []


def _lasting(first: Sequence[Finding], second: Sequence[Finding]) -> list[str]:
    """Return what is found twice: of a kind of offence, the same offenders."""
    again = {(finding.check, finding.service, finding.detail): set(finding.ids) for finding in second}
    lasting: list[str] = []
    for finding in first:
        ids = again.get((finding.check, finding.service, finding.detail))
        kept = [id_ for id_ in finding.ids if id_ in (ids or ())]
        if kept or (ids is not None and not finding.ids):
            found = replace(finding, ids=kept, count=len(kept))
            lasting += [line.strip() for line in found.lines()]
    return lasting


async def _strike(stage: Stage, fault: Fault, outcome: Outcome) -> None:
    stage.required, stage.fewest = fault.crowd, 1_000_000
    if fault.crowd:
        stage.crowd.open()
        await stage.crowd.at_least(fault.crowd)
        stage.count_in_flight()
    try:
        outcome.blow = await fault.strike(stage)
        await stage.whole()
        outcome.recovered = await stage.crowd.probe()
    except Exception as error:  # noqa: BLE001 - whatever it was, it is told, and the other faults have their turn
        outcome.wrong.append(str(error) if isinstance(error, _EXPECTED) else repr(error))
        with suppress(NotAsPlanned, MachineError):
            await stage.afresh()
    outcome.in_flight = stage.fewest if fault.crowd else 0


def _findings(report: Report) -> Sequence[Finding]:
    return [*report.findings, *report.in_flight]
