"""One fault endured: it strikes a crowd at work, everything heals and drains, and then the books are opened."""

import time
from contextlib import suppress
from dataclasses import dataclass, field

from rich.console import Console

from souk.hurt.faults.plan import Blow, Fault
from souk.hurt.stage import NotAsPlanned, Stage
from souk.hurt.verdict import judge, words
from souk.machines.errors import MachineError

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
    verdict = await judge(stage)
    outcome.drained, outcome.rows = verdict.drained, verdict.rows
    # What an earlier fault broke stays broken, and is told once.
    outcome.wrong += [sentence for sentence in verdict.wrong if sentence not in stage.broken]
    stage.broken.update(verdict.wrong)
    outcome.took = time.monotonic() - began
    return outcome


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
        outcome.wrong.append(words(error))
        with suppress(NotAsPlanned, MachineError):
            await stage.afresh()
    outcome.in_flight = stage.fewest if fault.crowd else 0
