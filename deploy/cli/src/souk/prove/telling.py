"""What a proof says while it runs and at its end."""

from collections.abc import Iterator, Sequence
from typing import Final

from souk.hurt.enduring import console
from souk.hurt.ledger import percentiles
from souk.prove.nemesis import Struck
from souk.prove.proof import Proof
from souk.prove.schedule import Planned

_SHOWN: Final = 40


def tell_plan(proof: Proof, plan: Sequence[Planned]) -> None:
    """Print what is going to happen."""
    often = f"{proof.rate:g} purchases a second"
    console.print(f"seed {proof.seed}, {proof.minutes:g} minutes, {often}, {len(plan)} faults")
    for planned in plan:
        console.print(f"{planned.at:6.1f} s  {planned.name:16} {planned.weapon.sentence}")


def tell_blow(struck: Struck) -> None:
    """Print what a fault did, as soon as it is over."""
    verdict = f"[red]{'; '.join(struck.wrong)}[/]" if struck.wrong else f"fired {struck.blow.fired}×"
    note = f" [dim]{struck.blow.note}[/]" if struck.blow.note else ""
    console.print(f"{struck.began:6.1f} … {struck.ended:5.1f} s  {struck.planned.name:16} {verdict}{note}")


def waits(proof: Proof) -> Iterator[tuple[str, str]]:
    """Yield how long clients waited, by what for, as words."""
    placed = [each.placed_in for each in proof.purchases if each.placed_in is not None]
    paid = [each.paid_in for each in proof.purchases if each.paid_in is not None]
    yield "order placed", percentiles(placed)
    yield "card to paid", percentiles(paid)


def made(proof: Proof) -> str:
    """Return how many purchases there were, as words."""
    others = len(proof.placed) - len(proof.served)
    more = f" and {others:,} for faults and for the last look" if others else ""
    return f"{len(proof.served):,} purchases{more} in {proof.lasted:.0f} s, by {proof.accounts} accounts"


def tell_end(proof: Proof) -> None:
    """Print what it all came to."""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in proof.outcomes.most_common())
    console.print(f"\n{made(proof)}: {outcomes}")
    if proof.turned_away:
        console.print(f"{proof.turned_away} found no room")
    console.print("; ".join(f"{what} {how}" for what, how in waits(proof)))
    console.print(
        f"up again after {proof.recovered:.1f} s, drained in {proof.drained:.0f} s, {proof.rows:,} rows examined"
    )
    for sentence in proof.wrong[:_SHOWN]:
        console.print(sentence, style="red", markup=False)
    told = f"[red]NOT PROVEN: {len(proof.wrong)} findings[/]" if proof.wrong else "[green]every promise was kept[/]"
    console.print(told)
