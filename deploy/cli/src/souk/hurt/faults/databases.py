"""The database restarted at once, its commits slow, or their answers lost."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from common.db import plain_dsn
from common.events import new_id
from souk.hurt.cutter import Cutter
from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage

_HELD: Final = 4.0
_SPELL: Final = 10.0
_RESTARTS: Final = 2
# A copy of an event that nobody listens to, so that no book misses its cause.
_TELL_LATE: Final = """
INSERT INTO outbox (id, type, subject, lane, mandatory, body)
SELECT $1, type, subject, lane, false, body FROM outbox WHERE type = 'user.logged_in' ORDER BY id DESC LIMIT 1
RETURNING id
"""
_LATER: Final = "SELECT count(*) AS count FROM outbox WHERE id > $1 AND sent_at IS NOT NULL"
_SENT: Final = "SELECT count(*) AS count FROM outbox WHERE id = $1 AND sent_at IS NOT NULL"


@fault("F7", "An event is committed four seconds after later ones were sent.")
async def committed_late(stage: Stage) -> Blow:
    """F7: the relay asks what is unsent, not what is newer than the last."""
    early = new_id()
    async with stage.connection("auth") as connection:
        transaction = connection.transaction()
        await transaction.start()
        if not await connection.fetch(_TELL_LATE, early):
            raise NotAsPlanned("nobody has logged in yet")
        await stage.crowd.customers[0].sign_in()
        await asyncio.sleep(_HELD)
        stage.count_in_flight()
        overtaken = await stage.some("auth", _LATER, early)
        await transaction.commit()
    if not await stage.some("auth", _SENT, early):
        raise NotAsPlanned("the late event was never sent")
    return Blow(overtaken, f"overtaken by {overtaken} events, sent nevertheless")


@fault("F29", "PostgreSQL is restarted as after a crash, twice.")
async def restarted_at_once(stage: Stage) -> Blow:
    """F29: what was committed is there, what was not is as if it had never been."""
    pids = {stage.fleet.postgres.pid}
    for _ in range(_RESTARTS):
        stage.count_in_flight()
        await asyncio.to_thread(stage.fleet.postgres.restart, "immediate")
        pids.add(stage.fleet.postgres.pid)
        await asyncio.sleep(3)
    return Blow(len(pids) - 1)


@fault("F32", "Orders and payments lose the answers to some of their commits.", lasts=70)
async def answers_lost(stage: Stage) -> Blow:
    """F32: nobody knows whether it was committed, and nothing is done twice."""
    cutters = {}
    async with AsyncExitStack() as stack:
        for service in ("orders", "payments"):
            cutter = cutters[service] = await stack.enter_async_context(
                Cutter.before("127.0.0.1", stage.fleet.postgres.port, stage.dice)
            )
            url = plain_dsn(stage.databases[service])
            through = url.replace(f":{stage.fleet.postgres.port}/", f":{cutter.port}/")
            await stage.kill(service)
            await stage.start(service, **{f"DATABASE_URL_{service.upper()}": through})
        await stage.whole(*cutters)
        for cutter in cutters.values():
            cutter.sharp = True
        await asyncio.sleep(_SPELL)
        stage.count_in_flight()
        for cutter in cutters.values():
            cutter.sharp = False
        await stage.kill(*cutters)
    return Blow(
        min(cutter.cuts for cutter in cutters.values()),
        ", ".join(f"{cutter.cuts} commits of {service}" for service, cutter in cutters.items()),
    )
