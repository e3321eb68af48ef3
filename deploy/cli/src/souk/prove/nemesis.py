"""The schedule carried out: faults strike when it is their time, whatever else is being hurt just then."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Final

from souk.home import SERVICES
from souk.hurt.faults.plan import Blow
from souk.hurt.stage import Stage
from souk.hurt.verdict import words
from souk.prove.schedule import Planned

Clock = Callable[[], float]
_LONGEST: Final = 5  # times what it takes where it has the machine to itself
_AT_LEAST: Final = 240.0


@dataclass(slots=True)
class Struck:
    """What became of a planned fault; nothing in `wrong` means that it fired and everything it hurt is up again."""

    planned: Planned
    began: float = 0
    ended: float = 0
    blow: Blow = field(default_factory=lambda: Blow(0))
    wrong: list[str] = field(default_factory=list)


async def unleash(stage: Stage, plan: Sequence[Planned], clock: Clock, tell: Callable[[Struck], None]) -> list[Struck]:
    """Carry out the plan; who comes while another still has what he needs, waits for it."""
    parts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def strike(place: int, planned: Planned) -> Struck:
        await asyncio.sleep(planned.at - clock())
        struck = Struck(planned)
        own = replace(stage, dice=random.Random(f"{planned.name} {place}"))  # noqa: S311 - repeatable, not secret
        async with AsyncExitStack() as stack:
            for part in sorted(planned.parts):
                await stack.enter_async_context(parts[part])
            struck.began = clock()
            await _strike(own, struck)
            struck.ended = clock()
        tell(struck)
        return struck

    return await asyncio.gather(*(strike(place, planned) for place, planned in enumerate(plan)))


async def _strike(stage: Stage, struck: Struck) -> None:
    planned = struck.planned
    try:
        async with asyncio.timeout(max(_AT_LEAST, _LONGEST * planned.weapon.takes)):
            struck.blow = await planned.weapon.strike(stage, planned.target)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is told, and the others have their turn
        struck.wrong.append(words(error))
    else:
        if not struck.blow.fired:
            struck.wrong.append("it did not fire")
    try:
        if hurt := sorted(planned.parts & set(SERVICES)):
            await stage.whole(*hurt)
    except Exception as error:  # noqa: BLE001 - as above
        struck.wrong.append(words(error))


async def heal(stage: Stage) -> None:
    """Make whole whatever a fault may have left behind."""
    fleet = stage.fleet
    await asyncio.to_thread(fleet.rabbitmq.thaw)
    await asyncio.to_thread(fleet.postgres.start)
    await asyncio.to_thread(fleet.rabbitmq.start)
    await stage.whole()
