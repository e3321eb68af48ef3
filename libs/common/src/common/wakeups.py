"""Wake-ups: who waits for a topic is woken after the commit, in this process at once and in others by NOTIFY.

A lost wake-up costs one tick: everything that waits also has a timer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import asyncpg
import structlog

from common.tasks import contained, nap

log = structlog.get_logger(__name__)
_CHANNEL = "souk"
_RECONNECT = 1.0
_PAUSE = 0.005
_PAYLOAD = 7000  # PostgreSQL allows 8000 bytes


class Waker:
    """Wakes waiters by topic; `dsn` None keeps it inside the process (nobody else shares the database)."""

    def __init__(self, dsn: str | None = None) -> None:
        self._dsn = dsn
        self._waiters: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._outgoing: set[str] = set()
        self._pending = asyncio.Event()

    def wake(self, topics: Iterable[str]) -> None:
        """Wake everybody who waits for one of these topics."""
        for topic in topics:
            self._wake_here(topic)
            if self._dsn:
                self._outgoing.add(topic)
                self._pending.set()

    @contextmanager
    def waiting(self, topic: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever the topic is woken; the waiter clears it."""
        event = asyncio.Event()
        self._waiters[topic].add(event)
        try:
            yield event
        finally:
            self._waiters[topic].discard(event)
            if not self._waiters[topic]:
                del self._waiters[topic]

    async def run(self) -> None:
        """Carry wake-ups between processes until cancelled, over one connection that listens and notifies."""
        if self._dsn is None:
            await asyncio.Event().wait()
        while self._dsn:
            try:
                await contained(self._carry(self._dsn))
            except Exception as error:  # noqa: BLE001 - asyncpg may fail in its own ways when a server goes away
                log.warning("wake-ups interrupted", error=repr(error))
            await asyncio.sleep(_RECONNECT)

    async def _carry(self, dsn: str) -> None:
        connection = await asyncpg.connect(dsn, timeout=10, server_settings={"synchronous_commit": "off"})
        try:
            await connection.add_listener(_CHANNEL, self._heard)
            while not connection.is_closed():
                await nap(self._pending, 5)
                self._pending.clear()
                await self._tell(connection)
                await asyncio.sleep(_PAUSE)  # what comes meanwhile goes together
        finally:
            connection.terminate()

    async def _tell(self, connection: asyncpg.Connection) -> None:
        topics, self._outgoing = sorted(self._outgoing), set()
        while topics:
            payload = topics.pop()
            while topics and len(payload) + len(topics[-1]) < _PAYLOAD:
                payload += "," + topics.pop()
            await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, payload)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for topic in str(payload).split(","):
            self._wake_here(topic)

    def _wake_here(self, topic: str) -> None:
        for event in self._waiters.get(topic, ()):
            event.set()
