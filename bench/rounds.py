"""Contests: everybody runs in turn, round after round, so that what disturbs one disturbs the others too."""

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

Contestant = Callable[[], Awaitable[float]]
Rounds = dict[str, list[float]]
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One result: the medians of ours and of its floor, the ratio with its spread, the target, every round."""

    what: str
    ours: float
    unit: str
    target: str = ""
    met: bool = True
    floor: float | None = None
    floor_name: str = ""
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    rounds: Rounds = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one measurement found, with a word on how it was done."""

    name: str
    how: str
    lines: Sequence[Line]


async def alternate(contestants: Mapping[str, Contestant], rounds: int = ROUNDS) -> Rounds:
    """Let each run once per round, forwards and backwards in turn."""
    found: Rounds = {name: [] for name in contestants}
    for number in range(rounds):
        order = list(contestants.items())
        for name, run in order if number % 2 == 0 else reversed(order):
            found[name].append(await run())
        say("   " + "   ".join(f"{name} {values[-1]:,.0f}" for name, values in found.items()))
    return found


def compare(found: Rounds, what: str, names: tuple[str, str], target: float) -> Line:
    """Return the line for rates: ours beside the floor, by the median of the rounds' own ratios."""
    ours, floor = names
    ratios = sorted(a / b for a, b in zip(found[ours], found[floor], strict=True))
    ratio = statistics.median(ratios)
    return Line(
        what=what,
        ours=statistics.median(found[ours]),
        unit="/s",
        target=f"≥ {target:g} × floor",
        met=ratio >= target,
        floor=statistics.median(found[floor]),
        floor_name=floor,
        ratio=ratio,
        spread=(ratios[0], ratios[-1]),
        rounds={ours: found[ours], floor: found[floor]},
    )


def limit(what: str, values: Sequence[float], unit: str, most: float | None = None) -> Line:
    """Return the line for a figure, the median of its rounds, that should be no larger than that."""
    value = statistics.median(values)
    target = "" if most is None else f"≤ {most:g} {unit}"
    return Line(what, value, unit, target, most is None or value <= most, rounds={"": list(values)})


def beside(what: str, found: Rounds, unit: str, most: float) -> Line:
    """Return the line for a figure that should be no larger than that, `ours`, with the `bare` one beside it."""
    ratios = sorted(a / b for a, b in zip(found["ours"], found["bare"], strict=True))
    floor, spread = statistics.median(found["bare"]), (ratios[0], ratios[-1])
    line = limit(what, found["ours"], unit, most)
    return replace(line, floor=floor, floor_name="bare", ratio=statistics.median(ratios), spread=spread, rounds=found)


def within(what: str, found: Rounds, unit: str, times: float) -> Line:
    """Return the line for a figure that should be no larger than so many times the `bare` one beside it."""
    line = beside(what, found, unit, 0)
    return replace(line, target=f"≤ {times:g} × floor", met=(line.ratio or 0) <= times)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def say(text: str) -> None:
    """Tell whoever watches."""
    print(text, flush=True)  # noqa: T201 - a command line tool
