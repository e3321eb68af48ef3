"""What a fault is, and the list of all of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from souk.hurt.stage import Stage

IN_FLIGHT: Final = 50


@dataclass(frozen=True, slots=True)
class Blow:
    """What a fault did: how often it fired, and anything worth telling."""

    fired: int
    note: str = ""


Strike = Callable[[Stage], Awaitable[Blow]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to hurt the system: `strike` hurts and heals.

    `crowd` says how many purchases must be under way, `lasts` how many seconds it takes with draining and examining.
    """

    name: str
    sentence: str
    strike: Strike
    crowd: int = IN_FLIGHT
    lasts: float = 55

    @property
    def numbered(self) -> bool:
        """Whether it is on the list of cases; the others are series of deaths."""
        return self.name.startswith("F")


FAULTS: Final[dict[str, Fault]] = {}


def fault(name: str, sentence: str, *, crowd: int = IN_FLIGHT, lasts: float = 55) -> Callable[[Strike], Strike]:
    """Put a function on the list."""

    def register(strike: Strike) -> Strike:
        FAULTS[name] = Fault(name, sentence, strike, crowd, lasts)
        return strike

    return register
