"""What the doctor found: offenders by id, what each finding means, and how many rows were looked at."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

MOST_IDS: Final = 1000
_SHOWN: Final = 10


@dataclass(slots=True)
class Finding:
    """One kind of offence in one service's book; `ids` names the first thousand offenders, `count` counts them all."""

    check: str
    service: str
    ids: list[str]
    detail: str
    count: int = 0

    def add(self, id_: str) -> None:
        """Count one more offender."""
        self.count += 1
        if len(self.ids) < MOST_IDS:
            self.ids.append(id_)

    def lines(self) -> Iterator[str]:
        """Yield the finding for people."""
        yield f"  {self.check}, {self.service}: {self.detail}"
        yield from (f"      {id_}" for id_ in self.ids[:_SHOWN])
        if self.count > _SHOWN:
            yield f"      … and {self.count - min(_SHOWN, len(self.ids))} more"


@dataclass(slots=True)
class Report:
    """The outcome of an examination.

    `in_flight` holds what is not settled yet, `checks` how many rows each check looked at (a system without rows proves
    nothing), and `skipped` which checks could not be made for want of a book or of the provider's own list.
    """

    findings: list[Finding] = field(default_factory=list)
    in_flight: list[Finding] = field(default_factory=list)
    checks: list[tuple[str, int]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether every invariant holds that was checked."""
        return not self.findings

    @property
    def examined(self) -> int:
        """How many rows were looked at."""
        return sum(rows for _, rows in self.checks)

    def to_json(self) -> str:
        """Return the report as a JSON object."""
        shown = {"healthy": self.healthy, "examined": self.examined, **asdict(self)}
        shown["checks"] = [{"check": check, "rows": rows} for check, rows in self.checks]
        return json.dumps(shown, indent=2, ensure_ascii=False)

    def lines(self) -> list[str]:
        """Return the report for people."""
        bad = {finding.check for finding in self.findings}
        width = max((len(check) for check, _ in self.checks), default=0)
        told = [f"{'BAD' if check in bad else 'ok':4}{check:{width}}{rows:12,} rows" for check, rows in self.checks]
        told += [f"--  {check:{width}}  not examined" for check in self.skipped]
        told += _section("Findings:", self.findings)
        told += _section("In flight, look again when it has settled:", self.in_flight)
        return [*told, "", self._verdict()]

    def _verdict(self) -> str:
        if self.findings:
            return (
                f"NOT HEALTHY: {sum(finding.count for finding in self.findings)} offenders in {self.examined:,} rows."
            )
        if not self.examined:
            return "Nothing is wrong, for there is nothing: not one row was found."
        return f"Healthy: {len(self.checks)} checks, {self.examined:,} rows."


def _section(title: str, findings: Sequence[Finding]) -> list[str]:
    return ["", title, *(line for finding in findings for line in finding.lines())] if findings else []
