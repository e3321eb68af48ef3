"""One proof: the fleet comes up, people buy while faults strike, everything heals and drains, the books are opened."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from souk.fleet import Unit
from souk.home import SERVICES, Home
from souk.hurt.customers import until
from souk.hurt.enduring import console
from souk.hurt.opening import open_stage
from souk.hurt.stage import Stage
from souk.hurt.verdict import judge, words
from souk.hurt.workload import Crowd, Rush
from souk.prove.arsenal import TWICE
from souk.prove.nemesis import heal, unleash
from souk.prove.proof import Proof
from souk.prove.pulse import Pulse
from souk.prove.schedule import Planned
from souk.prove.telling import tell_blow

# Eleven processes ask their tables so often that a hurried tempo costs most of a core; this one costs a fifth.
_TEMPO: Final = {"SOUK_PACE": "12"}
_ROOM: Final = 240  # who finds so many inside turns round, or a slow machine would be buried
_THINKING: Final = 0.4
_LONGER: Final = 90.0  # seconds the doors stay open for those who found no room
_AFTERWARDS: Final = 0.3  # of the rate
_FEWEST: Final = 0.9  # of those who were to come
_WORKERS: Final = (1, 2)
_DEAD: Final = "queues/%2F/events.dead"


def units() -> list[Unit]:
    """Return the processes: of what sells, an api and two workers; of the others one that does all."""
    twice = [
        Unit(f"{name}-{part}", name, part.partition("-")[0])
        for name in TWICE
        for part in ("api", *(f"worker-{number}" for number in _WORKERS))
    ]
    return [*(Unit(name, name) for name in SERVICES if name not in TWICE), *twice]


async def run(home: Home, given: Mapping[str, str], proof: Proof, plan: Sequence[Planned]) -> None:
    """Carry out a plan, and write down what it shows."""
    dice = random.Random(proof.seed)  # noqa: S311 - these dice must be repeatable, not secret
    async with open_stage(home, {**_TEMPO, **given}, dice, units(), envoy=True) as stage:
        stage.crowd.rush, proof.began = Rush(proof.rate, _ROOM, _THINKING), time.monotonic()

        def clock() -> float:
            return time.monotonic() - proof.began

        proof.pulse = Pulse(clock, lambda: stage.crowd.in_flight)
        feeling = asyncio.create_task(proof.pulse.feel(stage.http, stage.fleet.where.public))
        async with asyncio.TaskGroup() as both:
            striking = both.create_task(unleash(stage, plan, clock, tell_blow))
            await let_in(stage.crowd, proof)
        stage.crowd.close()
        proof.struck = striking.result()
        proof.lasted = clock()
        await _find_out(stage, proof)
        feeling.cancel()


async def let_in(crowd: Crowd, proof: Proof) -> None:
    """Let in all who are to come; while the last faults end, a few more come, so that none strikes an empty shop."""
    crowd.open()
    await asyncio.sleep(proof.minutes * 60)
    await until(lambda: len(crowd.visits) >= proof.to_come, _LONGER)
    crowd.rush = replace(crowd.rush, rate=proof.rate * _AFTERWARDS)


async def _find_out(stage: Stage, proof: Proof) -> None:
    proof.wrong += [f"{struck.planned.name}: {sentence}" for struck in proof.struck for sentence in struck.wrong]
    try:
        await heal(stage)
        proof.recovered = await stage.crowd.probe()
    except Exception as error:  # noqa: BLE001 - whatever it was, it is told, and the books are opened nevertheless
        proof.wrong.append(f"not healed: {words(error)}")
    console.print(f"[dim]everything is up again; {stage.crowd.in_flight} are still inside[/]")
    await stage.crowd.empty()
    verdict = await judge(stage)
    proof.drained, proof.rows, proof.purchases = verdict.drained, verdict.rows, stage.crowd.ledger.purchases
    proof.accounts, proof.turned_away = len(stage.crowd.ledger.accounts), stage.crowd.turned_away
    proof.served = [purchase for purchase in stage.crowd.visits if purchase.answers]
    proof.wrong += [*verdict.wrong, *await stage.crowd.all_return()]
    if dead := int((await stage.managed("GET", _DEAD)).get("messages") or 0):
        proof.wrong.append(f"the broker gave up on {dead} messages")
    if len(proof.served) < _FEWEST * proof.to_come:
        proof.wrong.append(f"only {len(proof.served)} who came got an order: that proves too little")
