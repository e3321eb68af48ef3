"""When nothing moves any more: the books are opened, and what clients were told is held against them."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from souk.doctor import Report, examine
from souk.doctor.report import Finding
from souk.hurt.customers import GaveUp, Refused
from souk.hurt.drain import drain
from souk.hurt.stage import NotAsPlanned, Stage
from souk.machines.errors import MachineError

_EXPECTED: Final = (NotAsPlanned, MachineError, GaveUp, Refused)
_MOMENT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: sentences in `wrong`, rows examined, and how many seconds it took until nothing moved."""

    wrong: Sequence[str]
    rows: int
    drained: float


async def judge(stage: Stage) -> Verdict:
    """Wait until nothing moves any more, and open every book."""
    began = time.monotonic()
    wrong = [f"still moving: {what}" for what in await drain(stage.databases, stage.dial)]
    drained = time.monotonic() - began
    rows, findings = await open_books(stage.databases, f"{stage.fleet.where.sandbox}/truth")
    return Verdict([*wrong, *findings, *await stage.crowd.ledger.check(stage.databases)], rows, drained)


def words(error: Exception) -> str:
    """Return what is said of an error: a sentence of ours as it is."""
    return str(error) if isinstance(error, _EXPECTED) else repr(error)


async def open_books(databases: Mapping[str, str], truth: str) -> tuple[int, Sequence[str]]:
    """Return how many rows were examined, and what is wrong: what is due just now is not so any more a moment later."""
    report = await examine(databases, truth_url=truth, grace=timedelta(0))
    if first := _findings(report):
        await asyncio.sleep(_MOMENT)
        second = _findings(await examine(databases, truth_url=truth, grace=timedelta(0)))
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


def _findings(report: Report) -> Sequence[Finding]:
    return [*report.findings, *report.in_flight]
