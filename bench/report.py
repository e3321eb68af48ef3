"""What was found as a table and as JSON under bench/results/, with the conditions it was found under."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.machines import Machines
from bench.rounds import Line, Measured, say

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("aio-pika", "asyncpg", "sqlalchemy", "fastapi", "uvicorn", "uvloop", "pydantic")
_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level", "max_wal_size")


def keep(measured: Measured, conditions: Mapping[str, str]) -> None:
    """Write a measurement's file."""
    RESULTS.mkdir(exist_ok=True)
    found = json.dumps({**_rounded(asdict(measured)), "conditions": dict(conditions)}, indent=1, ensure_ascii=False)
    (RESULTS / f"{measured.name}.json").write_text(found + "\n")


def _rounded(found: object) -> object:
    match found:
        case float():
            return round(found, 3 if found < 10 else 1)
        case dict():
            return {name: _rounded(value) for name, value in found.items()}
        case list() | tuple():
            return [_rounded(value) for value in found]
    return found


async def conditions(machines: Machines) -> dict[str, str]:
    """Return what the figures depend on, as it is before a measurement."""
    settings = await machines.sql("postgres", "SELECT name, current_setting(name) AS value FROM pg_settings")
    overview = machines.rabbitmq.management.call("GET", "overview")
    postgres = {row["name"]: row["value"] for row in settings}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "load average before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "postgresql": postgres["server_version"] + "".join(f", {name}={postgres[name]}" for name in _SETTINGS),
        "rabbitmq": f"{overview['rabbitmq_version']}, Erlang {overview['erlang_version']}, quorum queues, one node",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def show(names: Sequence[str]) -> None:
    """Print the table of what is kept under these names, as docs/performance.md has it."""
    kept = (json.loads((RESULTS / f"{name}.json").read_text()) for name in names)
    say("\n| what | ours | floor | ratio (spread) | target |\n|---|---|---|---|---|")
    for line in (Line(**line) for one in kept for line in one["lines"]):
        floor = "" if line.floor is None else f"{_figure(line.floor, line.unit)} {line.floor_name}"
        target = line.target if line.met else f"{line.target}: missed"
        say(f"| {line.what} | {_figure(line.ours, line.unit)} | {floor} | {_ratio(line)} | {target} |")


def _ratio(line: Line) -> str:
    if line.ratio is None or line.spread is None:
        return ""
    return f"{line.ratio:.2f} ({line.spread[0]:.2f}–{line.spread[1]:.2f})"


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:,.1f} {unit}"
