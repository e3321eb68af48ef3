"""Asked to end, again and again, with work in hand."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from souk.hurt.faults.plan import Blow, fault
from souk.hurt.points import HANDLED
from souk.hurt.stage import NotAsPlanned, Stage

_TIMES: Final = 20
_ENDS_WITHIN: Final = 30.0
_TWO: Final = 2
_AT_WORK: Final = 2.0
_DEAD: Final = "queues/%2F/events.dead"


@fault(
    "F21",
    "The workers of orders are restarted in turn, twenty times, with messages in hand that nobody has begun.",
    lasts=130,
)
async def rolled(stage: Stage) -> Blow:
    """F21: whatever is given back to the queue, however often, is worked in the end, and nothing is given up on."""
    return await roll(stage, "orders")


async def roll(stage: Stage, service: str, pause: float = 0.1) -> Blow:
    """Restart the workers of a service gently, one after the other as a rollout does, twenty times in all.

    Before each event they pause, so that there is work in hand; a crowd needs less of that than a handful.
    """
    slow = {"FAULTS": f"inbox.handling.{HANDLED[service]}:sleep={pause}"}
    took = []
    async with AsyncExitStack() as stack:
        if len(stage.units(service, role="worker")) < _TWO:
            await stack.enter_async_context(stage.another(service))
        workers = stage.units(service, role="worker")
        for turn in range(_TIMES):
            unit, last = workers[turn % len(workers)], turn >= _TIMES - len(workers)
            took.append(await stage.terminate(unit, _ENDS_WITHIN))
            await stage.start(unit, **({} if last else slow))
            await stage.whole(unit)
    if dead := int((await stage.managed("GET", _DEAD)).get("messages") or 0):
        raise NotAsPlanned(f"the broker gave up on {dead} messages")
    return Blow(len(took), f"of {service}; the slowest took {max(took):.1f} s to end")


@fault("F53", "Orders is asked to end within one second while its work in hand takes longer.")
async def stopped_short(stage: Stage) -> Blow:
    """F53: it ends nevertheless, and what it had begun is done by another or not at all."""
    return await stop_short(stage, "orders")


async def stop_short(stage: Stage, service: str) -> Blow:
    """Ask a worker to end that has less time than its work takes, and whoever serves requests."""
    worker = stage.dice.choice(stage.units(service, role="worker"))
    await stage.kill(worker)
    await stage.start(worker, FAULTS=f"inbox.handling.{HANDLED[service]}:sleep=1.5", SHUTDOWN_GRACE="1s")
    await stage.whole(worker)
    await asyncio.sleep(_AT_WORK)
    units = [worker, *(unit for unit in stage.units(service, role="api") if unit != worker)]
    took = await asyncio.gather(*(stage.terminate(unit, _ENDS_WITHIN) for unit in units))
    await stage.whole(*units)
    return Blow(
        len(took), ", ".join(f"{unit} after {seconds:.1f} s" for unit, seconds in zip(units, took, strict=True))
    )
