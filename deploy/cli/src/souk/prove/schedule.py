"""What strikes when: drawn by the seed alone, so that a run can be made again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from souk.prove.arsenal import ARSENAL, Weapon

PER_MINUTE: Final = 6
_FIRST: Final = 4.0
_BETWEEN: Final = 1.0  # second that what one fault had is left alone before the next takes it
_AT_ONCE: Final = 3
_TRIES, _LAYOUTS = 80, 25
_LONGEST: Final = 0.6  # of the run


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault that begins so many seconds after the doors opened, on a service where it has one."""

    at: float
    weapon: Weapon
    target: str = ""

    @property
    def ends(self) -> float:
        """When it is expected to be over."""
        return self.at + self.weapon.takes

    @property
    def parts(self) -> frozenset[str]:
        """What it needs for itself."""
        return self.weapon.parts | ({self.target} if self.target else frozenset())

    @property
    def name(self) -> str:
        """What it is called in this run."""
        return f"{self.weapon.name} {self.target}".strip()

    def beside(self, other: "Planned") -> bool:
        """Whether both last at some moment."""
        return self.at < other.ends + _BETWEEN and other.at < self.ends + _BETWEEN


def schedule(seed: int, minutes: float) -> list[Planned]:
    """Return what a seed has in store: six faults a minute, none twice before each that fits has been drawn once."""
    dice = random.Random(f"proof {seed}")  # noqa: S311 - these dice must be repeatable, not secret
    seconds, wanted, best = minutes * 60, round(minutes * PER_MINUTE), list[Planned]()
    deck = _deck(dice, seconds, wanted)
    for _ in range(_LAYOUTS):
        if len(best) < wanted:
            best = max(best, _lay_out(dice, deck, seconds, wanted), key=len)
    return sorted(best, key=lambda each: each.at)


def _lay_out(dice: random.Random, deck: Sequence[Weapon], seconds: float, wanted: int) -> list[Planned]:
    planned: list[Planned] = []
    # What takes long finds a place only while there is much room.
    longest_first = sorted(deck[:wanted], key=lambda weapon: -weapon.takes)
    for weapon in [*longest_first, *deck[wanted:]]:
        if len(planned) < wanted and (place := _place(dice, weapon, planned, seconds)):
            planned.append(place)
    return planned


def _deck(dice: random.Random, seconds: float, wanted: int) -> list[Weapon]:
    fitting = [weapon for weapon in ARSENAL if weapon.takes <= seconds * _LONGEST]
    rounds = 1 + 2 * wanted // max(1, len(fitting))
    return [weapon for _ in range(rounds) for weapon in dice.sample(fitting, len(fitting))]


def _place(dice: random.Random, weapon: Weapon, planned: Sequence[Planned], seconds: float) -> Planned | None:
    for _ in range(_TRIES):
        at = dice.uniform(_FIRST, max(_FIRST, seconds - weapon.takes))
        tried = Planned(round(at, 1), weapon, dice.choice(weapon.targets))
        beside = [other for other in planned if tried.beside(other)]
        if sum(map(bool, (other.parts for other in beside))) < _AT_ONCE and all(
            tried.parts.isdisjoint(other.parts) for other in beside
        ):
            return tried
    return None
