"""What a proof may strike with: each fault, how long it takes, and what it needs for itself while it lasts."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from souk.home import SERVICES
from souk.hurt.every import FAULTS
from souk.hurt.faults.crowds import race
from souk.hurt.faults.deaths import NUMBERED, kill_at_all
from souk.hurt.faults.frozen import freeze_backends, freeze_leader
from souk.hurt.faults.plan import Blow
from souk.hurt.faults.restarts import roll, stop_short
from souk.hurt.faults.sessions import hold_a_transaction, take_database_away
from souk.hurt.stage import Stage

Strike = Callable[[Stage, str], Awaitable[Blow]]
BROKER, POSTGRES, PROVIDERS = "broker", "postgres", "providers"
TWICE: Final = ("catalog", "orders", "payments")  # of these there are two workers
_TELL: Final = ("auth", *TWICE)
_HEAR: Final = (*TWICE, "notifier")
_SOLD_WITHIN: Final = 300.0  # while other faults last, payments fail and workers are away


@dataclass(frozen=True, slots=True)
class Weapon:
    """A fault as a proof uses it: it may strike beside any other that needs none of its `parts`.

    `targets` are the services of which the seed chooses one, which then is a part as well; `takes` is in seconds.
    """

    name: str
    sentence: str
    strike: Strike
    takes: float
    parts: frozenset[str] = frozenset()
    targets: Sequence[str] = field(default=("",))


def _as_ever(name: str, takes: float, *parts: str) -> Weapon:
    fault = FAULTS[name]

    async def strike(stage: Stage, _: str) -> Blow:
        return await fault.strike(stage)

    return Weapon(name, fault.sentence, strike, takes, frozenset(parts))


def _death(name: str, sentence: str, takes: float, targets: Sequence[str]) -> Weapon:
    async def strike(stage: Stage, service: str) -> Blow:
        points = NUMBERED[name]
        return Blow(await kill_at_all(stage, service, points), f"{service} at {', '.join(points)}")

    return Weapon(name, sentence, strike, takes, targets=targets)


async def _roll(stage: Stage, service: str) -> Blow:
    return await roll(stage, service, pause=0.02)


async def _race(stage: Stage, _: str) -> Blow:
    return await race(stage, _SOLD_WITHIN)


_ON_DATABASE: Final = frozenset({POSTGRES})
ARSENAL: Final[Sequence[Weapon]] = (
    _death("F1", "A process is killed after the commit that tells of something, before it is published.", 14, _TELL),
    _death("F2", "The relay is killed after publishing, before it reads the confirm.", 18, _TELL),
    _death("F3", "The relay is killed after the confirm, before it marks the row sent.", 18, _TELL),
    _death("F4", "A consumer is killed after inserting, after committing, after acknowledging.", 30, _HEAR),
    _death("F5", "A consumer is killed between the effect and the row that tells of it.", 14, _HEAR),
    Weapon("F6", "Of two relays the one that leads is frozen until the other leads.", freeze_leader, 28, targets=TWICE),
    _as_ever("F7", 10, POSTGRES, "auth"),
    Weapon("F8", "A transaction lasts, and has told something.", hold_a_transaction, 16, _ON_DATABASE, _TELL),
    _as_ever("F9", 16, BROKER),
    _as_ever("F10", 14, BROKER),
    _as_ever("F11", 42, BROKER, PROVIDERS, *SERVICES),
    _as_ever("F12", 13, BROKER),
    _as_ever("F13", 16, BROKER),
    _as_ever("F14", 16, BROKER),
    _as_ever("F15", 12, BROKER),
    Weapon("F21", "Two workers are restarted in turn, twenty times, with messages in hand.", _roll, 85, targets=TWICE),
    _as_ever("F28", 26, BROKER, "catalog"),
    _as_ever("F29", 12, POSTGRES),
    _as_ever("F30", 8, POSTGRES),
    Weapon("F31", "Two of a database's processes are frozen.", freeze_backends, 9, _ON_DATABASE, TWICE),
    Weapon("F37", "A database takes no connections.", take_database_away, 14, _ON_DATABASE, _HEAR),
    _as_ever("F38", 14, PROVIDERS),
    _as_ever("F39", 14, PROVIDERS),
    _as_ever("F43", 34, PROVIDERS),
    Weapon("F49", FAULTS["F49"].sentence, _race, 100),
    Weapon("F53", "A worker has less time to end than its work takes.", stop_short, 22, targets=TWICE),
)
