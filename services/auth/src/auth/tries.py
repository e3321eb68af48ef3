"""How many tries are too many: rules that need no machine. What is counted, and where, is no matter of theirs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

MOST_IN_A_ROW: Final = 100  # NIST SP 800-63B, section 3.2.2
_NOW: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tries count at a moment, and when the next may be made."""

    level: float
    free_at: datetime
    seen_at: datetime


class Rule(Protocol):
    """What a try, and what came of it, does to a tally."""

    def count(self, tally: Tally, moment: datetime) -> Tally:
        """Count a try, before anybody knows what comes of it."""

    def succeed(self, tally: Tally, moment: datetime) -> Tally:
        """Take note that it was no failure."""

    def undo(self, tally: Tally, moment: datetime) -> Tally:
        """Take it back: nobody looked at it."""


@dataclass(frozen=True, slots=True)
class Streak:
    """Failures in a row: some cost nothing, each after them twice the wait of the one before, and the last a day."""

    free: int
    first: timedelta
    longest: timedelta
    most: int
    locked: timedelta

    def wait(self, failures: int) -> timedelta:
        """Return how long to wait after so many."""
        if failures >= self.most:
            return self.locked
        if failures < self.free:
            return _NOW
        return min(self.first * (1 << min(failures - self.free, 30)), self.longest)

    def count(self, tally: Tally, moment: datetime) -> Tally:
        """Count one more in a row, unless the row is long forgotten."""
        failures = 1 if moment - tally.seen_at > self.locked else int(tally.level) + 1
        return Tally(failures, moment + self.wait(failures), moment)

    def succeed(self, tally: Tally, moment: datetime) -> Tally:  # noqa: ARG002 - whatever it was, the row is over
        """End the row."""
        return Tally(0, moment, moment)

    def undo(self, tally: Tally, moment: datetime) -> Tally:
        """Make the row one shorter."""
        return Tally(max(0, tally.level - 1), moment, moment)


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many in an hour, all at once or one after the other; they are forgotten at the same rate."""

    an_hour: int

    def count(self, tally: Tally, moment: datetime) -> Tally:
        """Count one more."""
        return self._at(self._left(tally, moment) + 1, moment)

    def succeed(self, tally: Tally, moment: datetime) -> Tally:
        """Forget it: who has an account is welcome."""
        return self._at(max(0, self._left(tally, moment) - 1), moment)

    undo = succeed

    def _left(self, tally: Tally, moment: datetime) -> float:
        passed = max(_NOW, moment - tally.seen_at)
        return max(0.0, tally.level - passed / timedelta(hours=1) * self.an_hour)

    def _at(self, level: float, moment: datetime) -> Tally:
        over = max(0.0, level + 1 - self.an_hour)
        return Tally(level, moment + over / self.an_hour * timedelta(hours=1), moment)


@dataclass(frozen=True, slots=True)
class Counter:
    """Something that is counted: a kind of try, of whom or from where, and its rule. Names are kept as hashes only."""

    kind: str
    of: str
    rule: Rule

    @property
    def key(self) -> bytes:
        """What it is known by where it is kept."""
        return hashlib.sha256(f"{self.kind}\n{self.of}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is allowed of what, and for how long an address at which somebody logged in is known to be his."""

    in_a_row: Streak
    failures_per_address: int
    failures_in_all: int
    registrations_per_account: int
    registrations_per_address: int
    registrations_in_all: int
    known_for: timedelta

    def of_known(self, account: str, address: str) -> Sequence[Counter]:
        """Return what counts where somebody has logged in before: what others do elsewhere does not."""
        return [Counter("login of known", f"{account} {address}", self.in_a_row)]

    def of_login(self, account: str, address: str) -> Sequence[Counter]:
        """Return what counts for everybody else."""
        return [
            Counter("login", account, self.in_a_row),
            Counter("login from", address, Allowance(self.failures_per_address)),
            Counter("login anywhere", "", Allowance(self.failures_in_all)),
        ]

    def of_registration(self, account: str, address: str) -> Sequence[Counter]:
        """Return what counts for who makes an account."""
        return [
            Counter("registration", account, Allowance(self.registrations_per_account)),
            Counter("registration from", address, Allowance(self.registrations_per_address)),
            Counter("registration anywhere", "", Allowance(self.registrations_in_all)),
        ]
