"""Things that happen by themselves after a while: slow money settles, a refund fails days later."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.provider import Provider
from sandbox.store import Store, savepoint

log = logging.getLogger(__name__)
SCHEMA = """
CREATE TABLE IF NOT EXISTS later (
    id INTEGER PRIMARY KEY, due REAL NOT NULL, provider TEXT NOT NULL, task TEXT NOT NULL, subject TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS later_due ON later (due);
"""
_LONGEST_NAP = 5.0


@dataclass(frozen=True)
class Task:
    """What a provider is to do to which of its objects."""

    provider: str
    name: str
    subject: str


class Later:
    """Tasks noted for a later moment; they wait in the store, so a restart forgets none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted = asyncio.Event()

    def note(self, db: sqlite3.Connection, task: Task, due: float) -> None:
        """Have `provider.do_later(name, subject)` called at `due`, in Unix time."""
        row = (due, task.provider, task.name, task.subject)
        db.execute("INSERT INTO later (due, provider, task, subject) VALUES (?, ?, ?, ?)", row)
        self._noted.set()

    async def run(self, providers: Mapping[str, Provider]) -> None:
        """Carry out what is due, for ever."""
        while True:
            self._noted.clear()
            nap = self._work(providers)
            try:
                async with asyncio.timeout(nap):
                    await self._noted.wait()
            except TimeoutError:
                continue

    def _work(self, providers: Mapping[str, Provider]) -> float:
        """Do all that is due, each in its own transaction; the answer is the seconds until the next."""
        while True:
            with self._store.transaction() as db:
                row = db.execute("SELECT * FROM later ORDER BY due LIMIT 1").fetchone()
                wait = _LONGEST_NAP if row is None else row["due"] - time.time()
                if wait > 0:
                    return min(wait, _LONGEST_NAP)
                db.execute("DELETE FROM later WHERE id = ?", (row["id"],))
                self._do(db, providers, row)

    def _do(self, db: sqlite3.Connection, providers: Mapping[str, Provider], row: sqlite3.Row) -> None:
        provider = providers.get(row["provider"])
        if provider is None:
            log.warning("no provider %s for the noted task %s", row["provider"], row["task"])
            return
        try:
            with savepoint(db):
                provider.do_later(db, row["task"], row["subject"])
        except Exception:
            # One task that cannot be done must not stop all later ones.
            log.exception("task %s on %s failed", row["task"], row["subject"])
