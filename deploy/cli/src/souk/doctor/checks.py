"""What a check is, and what it is given: the books to read, and a place to name who offends."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from souk.doctor.books import Book, time_of
from souk.doctor.report import Finding
from souk.doctor.truth import Truth

_FUTURE: Final = timedelta(days=1)  # what is dated later is no clock that goes wrong, and must not hide for ever


@dataclass(slots=True)
class Visit:
    """One check at work.

    Offenders are rows with `id` and, where a difference may be under way, `at`: when the newest row involved was
    written (a time, or a UUIDv7 that holds it). Rows without `at` break what one transaction must keep true, so no age
    excuses them.
    """

    check: str
    books: Mapping[str, Book]
    truth: Truth | None
    grace: timedelta
    rows: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    in_flight: dict[tuple[str, str], Finding] = field(default_factory=dict)

    async def saw(self, service: str, *tables: str) -> None:
        """Count all rows of these tables as examined."""
        self.rows += await self.books[service].count(*tables)

    def suspect(self, service: str, rows: Iterable[Mapping[str, Any]], detail: str) -> None:
        """Name offenders; `detail` tells what it means."""
        for row in rows:
            pile = self.in_flight if self._young(row.get("at")) else self.findings
            finding = pile.setdefault((service, detail), Finding(self.check, service, [], detail))
            finding.add(str(row["id"]))

    async def accuse(self, service: str, sql: str, detail: str, *args: object) -> None:
        """Name as offenders whatever a query over one book returns."""
        async for piece in self.books[service].pieces(sql, *args):
            self.suspect(service, piece, detail)

    async def confront(self, ours: tuple[str, str], theirs: tuple[str, str], detail: str) -> None:
        """Take rows from one book and name those that another book's query, given them by columns, returns."""
        (mine, listing), (other, doubting) = ours, theirs
        async for piece in self.books[mine].pieces(listing):
            self.rows += len(piece)
            columns = [list(column) for column in zip(*(row.values() for row in piece), strict=True)]
            self.suspect(mine, await self.books[other].rows(doubting, *columns), detail)

    def _young(self, at: datetime | UUID | None) -> bool:
        if at is None:
            return False
        moment = time_of(at) if isinstance(at, UUID) else at
        return self.now - self.grace < moment < self.now + _FUTURE


Run = Callable[[Visit], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """An invariant by its name, the books it needs, and the function that checks it; `truth` is the provider's list."""

    name: str
    needs: tuple[str, ...]
    run: Run
    truth: bool = False


def check(name: str, *needs: str, truth: bool = False) -> Callable[[Run], Check]:
    """Make a function a check."""
    return lambda run: Check(name, needs, run, truth)
