"""The broker's alarms: it reads nothing any more from whoever publishes, and says nothing of it."""

import asyncio
from typing import Final

from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage

_HELD: Final = 8.0
_RINGS_WITHIN: Final = 20.0


@fault("F13", "The broker's memory alarm rings for eight seconds.")
async def memory_alarm(stage: Stage) -> Blow:
    """F13: a publish that times out is delivered later, and again: it is absorbed."""
    level = "set_vm_memory_high_watermark"
    return await _ring(stage, "mem_alarm", (level, "0"), (level, "absolute", "512MB"))


@fault("F14", "The broker's disk alarm rings for eight seconds.")
async def disk_alarm(stage: Stage) -> Blow:
    """F14: as the memory alarm."""
    return await _ring(stage, "disk_free_alarm", ("set_disk_free_limit", "999999GB"), ("set_disk_free_limit", "50MB"))


async def _ring(stage: Stage, alarm: str, on: tuple[str, ...], off: tuple[str, ...]) -> Blow:
    stage.count_in_flight()
    try:
        await asyncio.to_thread(stage.fleet.rabbitmq.ctl, *on)
        await _rings(stage, alarm, so=True)
        await asyncio.sleep(_HELD)
    finally:
        await asyncio.to_thread(stage.fleet.rabbitmq.ctl, *off)
    await _rings(stage, alarm, so=False)
    return Blow(1)


async def _rings(stage: Stage, alarm: str, *, so: bool) -> None:
    """Wait until the broker lists the alarm, or does not list it any more."""
    end = asyncio.get_running_loop().time() + _RINGS_WITHIN
    while any(node.get(alarm) for node in await stage.managed("GET", "nodes")) is not so:
        if asyncio.get_running_loop().time() > end:
            raise NotAsPlanned(f"{alarm} is not {so} within {_RINGS_WITHIN:g} s")
        await asyncio.sleep(0.3)
