"""Webhooks only add speed: the same purchases with all of them, none, many copies, and late ones."""

from typing import Final

from souk.hurt.faults.plan import Blow, fault
from souk.hurt.same import Again
from souk.hurt.stage import NotAsPlanned, Stage

_SHOWN: Final = 8


@fault(
    "same-books",
    "The same purchases four times: webhooks as ever, all dropped, five times and shuffled, ten minutes late.",
    crowd=0,
    lasts=330,
)
async def same_books(stage: Stage) -> Blow:
    """The books of all four end alike. `SOUK_PACE=1 ORDER_EXPIRES_AFTER=30m` makes ten minutes ten minutes."""
    again = Again(stage.crowd, stage.dial, stage.databases, stage.pace)
    differences, lines = await again.differences(stage.dice.randint(0, 1_000_000))
    if differences:
        raise NotAsPlanned("\n".join(differences[:_SHOWN]))
    return Blow(lines, f"{lines} lines of the books, four times alike")
