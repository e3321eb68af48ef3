"""The relays of a process: one per shard of its outbox, and processes share the shards among themselves."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import asyncpg
import structlog

from common.broker import Wire
from common.db import Database, fetch
from common.outbox.relay import Relay, RelayPolicy
from common.tasks import contained
from common.telemetry import Metrics

log = structlog.get_logger(__name__)

# Whoever relays holds this lock together with all the others, so that each can count them.
_ATTEND: Final = "SELECT pg_try_advisory_lock_shared(5057, 1)"
_PROCESSES: Final = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid, objsubid) = (5057, 1, 2) AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SELDOM: Final = 10  # polls
_LEFT_OVER: Final = "SELECT DISTINCT shard FROM outbox WHERE sent_at IS NULL AND shard >= $1"


class Relays:
    """Relays every shard, and what a former setting with more shards has left unsent; safe in any number of processes.

    Each process leads its part of the shards and stands by for the others, so that more processes tell more at a time.
    """

    def __init__(
        self, database: Database, wire: Wire, metrics: Metrics, shards: int = 1, policy: RelayPolicy | None = None
    ) -> None:
        self._database, self._wire, self._metrics = database, wire, metrics
        self._shards, self._policy = shards, policy or RelayPolicy()
        self._relays: dict[int, Relay] = {}

    @property
    def led(self) -> list[int]:
        """Which shards this process sends."""
        return sorted(shard for shard, relay in self._relays.items() if relay.leading)

    @property
    def leading(self) -> bool:
        """Whether this process sends any."""
        return bool(self.led)

    async def run(self) -> None:
        """Relay until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._begin(range(self._shards), group)
            attending = None
            while True:
                self._begin(await self._left_over(), group)
                if len(self._relays) > 1 and attending is None:
                    attending = group.create_task(self._attend())
                await asyncio.sleep(self._policy.poll * _SELDOM)

    def _begin(self, shards: Iterable[int], group: asyncio.TaskGroup) -> None:
        for shard in set(shards) - self._relays.keys():
            policy = replace(self._policy, shard=shard)
            relay = self._relays[shard] = Relay(self._database, self._wire, self._metrics, policy)
            group.create_task(relay.run())

    async def _left_over(self) -> Sequence[int]:
        try:
            return [row["shard"] for row in await contained(fetch(self._database, _LEFT_OVER, self._shards))]
        except Exception as error:  # noqa: BLE001 - whatever it was, there is another look
            log.warning("shards left over are not known", service=self._database.service, error=repr(error))
            return []

    async def _attend(self) -> None:
        while True:
            try:
                await contained(self._take_parts())
            except Exception as error:  # noqa: BLE001 - whatever it was, the relays go on as they are
                log.warning("shards are not shared", service=self._database.service, error=repr(error))
            await asyncio.sleep(self._policy.poll)

    async def _take_parts(self) -> None:
        name, idle = f"souk-{self._database.service}-relays", self._policy.idle
        connection = await asyncpg.connect(
            self._database.dsn,
            timeout=10,
            command_timeout=30,
            server_settings={"application_name": name, "idle_session_timeout": idle},
        )
        try:
            await connection.execute(_ATTEND)
            while True:
                self._take_part(await connection.fetchval(_PROCESSES))
                await asyncio.sleep(self._policy.poll)
        finally:
            connection.terminate()

    def _take_part(self, processes: int) -> None:
        """Give up what is more than this process's part; who has all of it takes no more."""
        part = -(-len(self._relays) // max(1, processes))
        led = self.led
        for shard, relay in self._relays.items():
            relay.stands_by = shard in led[part:] or (len(led) >= part and not relay.leading)
