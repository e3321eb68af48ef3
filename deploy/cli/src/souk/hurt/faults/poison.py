"""Messages nobody can read, and events that kill or hang whoever handles them."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from common.broker import Message
from common.events import Envelope, new_id
from souk.hurt.faults.deliveries import publish, put
from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage
from souk.topology import hearers

_LARGE: Final = 20 * 1024 * 1024
_LARGE_TYPE: Final = "order.paid"
# The limit is also what leaves each life a while for other work before the event is tried again.
_KILLS: Final = {"FAULTS": "inbox.handling.user.updated:kill", "HANDLER_LIMIT": "4s"}
_PARKED_WITHIN: Final = 30.0
_GIVES_UP_WITHIN: Final = 180.0
_PARKED: Final = "SELECT id FROM inbox WHERE status = 'parked'"
_THROW_AWAY: Final = "DELETE FROM inbox WHERE status = 'parked' AND id = ANY($1::uuid[]) RETURNING id"
_AGAIN: Final = """
UPDATE inbox SET status = 'waiting', next_at = now(), attempts = 0
WHERE status = 'parked' AND type = 'user.updated' RETURNING id
"""
_DONE: Final = "SELECT count(*) AS count FROM inbox WHERE status = 'done'"


@fault("F27", "Each queue gets what is no JSON, no envelope, of an unknown type, of a later version, or 20 MB long.")
async def unreadable(stage: Stage) -> Blow:
    """F27: stored and parked for an operator, who throws it away; nothing behind it waits."""
    parked = 0
    for hearer in hearers():
        bodies = _poisons(min(hearer.types))
        for body in bodies:
            await put(stage, hearer.service, body, headers={"x": {"deep": [1, {"a": "ö"}]}}, content_encoding="gzip")
        parked += await _thrown_away(stage, hearer.service, len(bodies))
    large = json.dumps({"id": str(new_id()), "type": _LARGE_TYPE, "data": "x" * _LARGE}).encode()
    await publish(stage, [Message(new_id(), _LARGE_TYPE, "live", large)])
    for hearer in hearers():
        if _LARGE_TYPE in hearer.types:
            parked += await _thrown_away(stage, hearer.service, 1)
    return Blow(parked, f"{parked} parked and thrown away")


async def _thrown_away(stage: Stage, service: str, count: int) -> int:
    stage.count_in_flight()
    return len(await stage.sql(service, _THROW_AWAY, await _when_parked(stage, service, count)))


def _poisons(type_: str) -> Sequence[bytes]:
    return (
        b"{not json \xff",
        b'["no", "envelope"]',
        _envelope("star.exploded", {}),
        _envelope(type_, {"version": 99, "everything": "else"}),
    )


def _envelope(type_: str, data: dict[str, Any]) -> bytes:
    raw = Envelope.parse(json.dumps({"id": str(new_id()), "type": type_, "source": "/nobody", "data": data}).encode())
    return raw.encode()


async def _when_parked(stage: Stage, service: str, count: int) -> list[UUID]:
    end = time.monotonic() + _PARKED_WITHIN
    while len(ids := [row["id"] for row in await stage.sql(service, _PARKED)]) < count:
        if time.monotonic() > end:
            raise NotAsPlanned(f"{service} parked {len(ids)} of {count} messages")
        await asyncio.sleep(0.3)
    return ids


@fault("F59", "One event kills the notifier and hangs payments, each time anew, until it is parked.", lasts=190)
async def deadly(stage: Stage) -> Blow:
    """F59: each attempt is counted before it is made, so that it ends; meanwhile the rest flows."""
    await stage.kill("notifier", "payments")
    await stage.start("notifier", **_KILLS)
    await stage.start("payments", FAULTS="inbox.handling.user.updated:hang")
    await stage.whole("notifier", "payments")
    before = await _done(stage)
    await stage.crowd.customers[0].persist("PATCH", "/users/me", json={"name": "Somebody else"})
    deaths = await _until_parked(stage)
    await _when_parked(stage, "payments", 1)
    flowed = await _done(stage) - before
    await stage.kill("notifier", "payments")
    for service in ("notifier", "payments"):
        await stage.sql(service, _AGAIN)
    await stage.whole("notifier", "payments")
    if flowed < deaths:
        raise NotAsPlanned(f"only {flowed} other events flowed")
    return Blow(deaths, f"{deaths} deaths, parked; {flowed} other events meanwhile")


async def _done(stage: Stage) -> int:
    return int((await stage.sql("notifier", _DONE))[0]["count"])


async def _until_parked(stage: Stage) -> int:
    deaths, end = 0, time.monotonic() + _GIVES_UP_WITHIN
    while not await stage.sql("notifier", _PARKED):
        if not stage.fleet.process("notifier").running:
            deaths += 1
            stage.count_in_flight()
            await stage.start("notifier", **_KILLS)
        if time.monotonic() > end:
            raise NotAsPlanned(f"{deaths} deaths, and still not parked")
        await asyncio.sleep(0.2)
    return deaths
