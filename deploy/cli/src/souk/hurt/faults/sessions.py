"""What goes on inside the database: sessions that never end, sessions that are ended, and none that may begin."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from common.db import plain_dsn
from common.events import new_id
from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage
from souk.machines.errors import MachineError

_LONG: Final = 12.0
_AWAY: Final = 10.0
_COMES_WITHIN: Final = 120.0  # others may be hurt just then as well
_ENDS: Final = 5
_NEVER_TOLD: Final = (
    "INSERT INTO outbox (id, type, subject, mandatory, body) VALUES ($1, 'never.told', '', false, '{}')"
)
_LATER: Final = "SELECT count(*) AS count FROM outbox WHERE id > $1 AND sent_at IS NOT NULL"
_END: Final = """
SELECT count(pg_terminate_backend(pid)) AS count FROM pg_stat_activity
WHERE datname LIKE 'souk\\_%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_END_ITS: Final = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1"


@fault("F8", "A transaction in the database of orders that has told something lasts for twelve seconds.")
async def long_transaction(stage: Stage) -> Blow:
    """F8: nobody waits for it."""
    return await hold_a_transaction(stage, "orders")


async def hold_a_transaction(stage: Stage, service: str) -> Blow:
    """Keep a transaction open that has told something, which is taken back; meanwhile later events are sent."""
    early = new_id()
    async with stage.connection(service) as connection:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        await connection.execute(_NEVER_TOLD, early)
        stage.count_in_flight()
        await asyncio.sleep(_LONG)
        overtaken = await stage.some(service, _LATER, early)
        await transaction.rollback()
    return Blow(overtaken, f"{overtaken} later events of {service} sent meanwhile")


@fault("F30", "Every session of every service is ended by the server, five times.")
async def sessions_ended(stage: Stage) -> Blow:
    """F30: as after a restart, but the server stays."""
    ended, times, began = 0, 0, time.monotonic()
    while times < _ENDS or (not ended and time.monotonic() < began + _COMES_WITHIN):  # all may be starting just then
        stage.count_in_flight()
        ended += (await stage.sql("auth", _END))[0]["count"]
        times += 1
        await asyncio.sleep(1)
    return Blow(ended)


@fault("F37", "The database of orders takes no connections for ten seconds, while deliveries arrive.")
async def database_away(stage: Stage) -> Blow:
    """F37: what cannot be stored is not acknowledged."""
    return await take_database_away(stage, "orders")


async def take_database_away(stage: Stage, service: str) -> Blow:
    """Let nobody into a service's database, until deliveries have waited in its queue."""
    async with _closed(stage, f"souk_{service}"):
        stage.count_in_flight()
        began, waited = time.monotonic(), 0
        while time.monotonic() < began + (_AWAY if waited else _COMES_WITHIN):
            with suppress(MachineError):
                queue = await stage.manage("GET", f"queues/%2F/{service}")
                waited = max(waited, int(queue.get("messages") or 0))
            await asyncio.sleep(0.5)
        if dead := [unit for unit in stage.units(service) if unit not in stage.running(service)]:
            raise NotAsPlanned(f"{', '.join(dead)} did not live without a database")
    return Blow(waited, f"{waited} deliveries waited for {service}")


@asynccontextmanager
async def _closed(stage: Stage, database: str) -> AsyncIterator[None]:
    connection: Any = await asyncpg.connect(plain_dsn(stage.fleet.postgres.url()), timeout=10)
    try:
        await connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        await connection.execute(_END_ITS, database)
        yield
    finally:
        await connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
        await connection.close()
