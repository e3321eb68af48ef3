"""Sudden death: each process killed at each of its fault points, and at random."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from souk.home import SERVICES
from souk.hurt.faults.plan import FAULTS, Blow, Fault, fault
from souk.hurt.points import points_of
from souk.hurt.stage import Stage

_AT_RANDOM: Final = 10
_LATEST: Final = 4
_AT_WORK: Final = 0.7  # the others die while they start
_ONE_DEATH: Final = 8.0
_RELAY: Final = "relay."
# A retry is only claimed where an event waits: one that its consumer had in hand when it died.
_FIRST: Final = {"inbox.claimed": "inbox.inserted"}
NUMBERED: Final = {
    "F1": ("outbox.committed",),
    "F2": ("relay.published",),
    "F3": ("relay.confirmed",),
    "F4": ("inbox.inserted", "inbox.committed", "inbox.acked"),
    "F5": ("inbox.handled",),
}


def _passing(stage: Stage, service: str, point: str) -> list[str]:
    """Return who is to pass a point: one process, or each that may lead the relay where the relay does."""
    workers = stage.units(service, role="worker")
    return workers if point.startswith(_RELAY) else [stage.dice.choice(workers)]


async def _kill_at(stage: Stage, service: str, point: str) -> list[str]:
    """Start a process of a service, or one of several, so that it dies at this point; return which."""
    if first := _FIRST.get(point):
        await _kill_at(stage, service, first)
    await stage.crowd.at_least(stage.required)
    nth = 1 if first else stage.dice.randint(1, _LATEST)
    units = _passing(stage, service, point)
    await stage.kill(*stage.running(*units))
    await stage.start(*units, FAULTS=f"{point}:kill@{nth}")
    await stage.death_of(*units)
    return units


async def kill_at_all(stage: Stage, service: str, points: Sequence[str]) -> int:
    """Kill a service at each of these points; each start after a death already leads to the next."""
    doomed: set[str] = set()
    for point in points:
        doomed.update(await _kill_at(stage, service, point))
    await stage.kill(*stage.running(*doomed))  # one may still have its death before it
    if doomed:
        await stage.whole(*doomed)
    return len(points)


async def _kill_everybody(stage: Stage, points: Iterable[str]) -> Blow:
    wanted = set(points)
    chosen = {service: [point for point in points_of(service) if point in wanted] for service in SERVICES}
    deaths = [await kill_at_all(stage, service, there) for service, there in chosen.items()]
    return Blow(sum(deaths), ", ".join(f"{service} {count}×" for service, count in zip(SERVICES, deaths, strict=True)))


@fault(
    "F1", "Every process in turn is killed after the commit that tells of something, before it is published.", lasts=95
)
async def before_publishing(stage: Stage) -> Blow:
    """F1: the row is there, and the next relay finds it."""
    return await _kill_everybody(stage, NUMBERED["F1"])


@fault("F2", "Every relay in turn is killed after publishing, before it reads the confirm.", lasts=95)
async def before_the_confirm(stage: Stage) -> Blow:
    """F2: it is published again, and absorbed."""
    return await _kill_everybody(stage, NUMBERED["F2"])


@fault("F3", "Every relay in turn is killed after the confirm, before it marks the row sent.", lasts=95)
async def before_the_mark(stage: Stage) -> Blow:
    """F3: it is published again, and absorbed."""
    return await _kill_everybody(stage, NUMBERED["F3"])


@fault("F4", "Every consumer in turn is killed after inserting, after committing, after acknowledging.", lasts=140)
async def round_the_acknowledgement(stage: Stage) -> Blow:
    """F4: before the commit it comes again and is worked, after it it comes again and is known."""
    return await _kill_everybody(stage, NUMBERED["F4"])


@fault("F5", "Every consumer in turn is killed between the effect and the row that tells of it.", lasts=95)
async def between_effect_and_telling(stage: Stage) -> Blow:
    """F5: one transaction holds both."""
    return await _kill_everybody(stage, NUMBERED["F5"])


def _others(service: str) -> list[str]:
    numbered = {point for points in NUMBERED.values() for point in points}
    return [point for point in points_of(service) if point not in numbered]


async def _everywhere(service: str, stage: Stage) -> Blow:
    points = _others(service)
    return Blow(await kill_at_all(stage, service, points), ", ".join(points))


async def _at_random(service: str, stage: Stage) -> Blow:
    for _ in range(_AT_RANDOM):
        await stage.crowd.at_least(stage.required)
        await stage.kill(service)
        await stage.start(service)
        if stage.dice.random() < _AT_WORK:
            await stage.whole(service)
        await asyncio.sleep(stage.dice.uniform(0, _LATEST))
    return Blow(_AT_RANDOM)


for _service in SERVICES:
    if _others(_service):
        FAULTS[f"kill-{_service}"] = Fault(
            f"kill-{_service}",
            f"{_service} is killed at each fault point that has no number of its own.",
            partial(_everywhere, _service),
            lasts=40 + _ONE_DEATH * len(_others(_service)),
        )
    FAULTS[f"random-{_service}"] = Fault(
        f"random-{_service}", f"{_service} is killed ten times at random.", partial(_at_random, _service), lasts=90
    )
