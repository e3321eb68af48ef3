"""Deliveries of events to the shop: queued with the event, sent until accepted, logged attempt by attempt."""

import asyncio
import hashlib
import logging
import re
import sqlite3
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

import httpx2

from sandbox.chaos import Chaos, Hit
from sandbox.provider import JsonObject, Provider
from sandbox.settings import SandboxSettings
from sandbox.store import Store

log = logging.getLogger(__name__)
SCHEMA = """
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id INTEGER PRIMARY KEY, provider TEXT NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL, url TEXT NOT NULL,
    body BLOB NOT NULL, created REAL NOT NULL, state TEXT NOT NULL, next_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (state, next_at);
CREATE INDEX IF NOT EXISTS webhook_deliveries_event ON webhook_deliveries (event_id);
CREATE TABLE IF NOT EXISTS webhook_attempts (
    id INTEGER PRIMARY KEY, delivery INTEGER NOT NULL, at REAL NOT NULL, seconds REAL NOT NULL,
    status INTEGER, error TEXT, fault TEXT, body_sha256 TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS webhook_attempts_delivery ON webhook_attempts (delivery);
"""
_AT_ONCE = 100
_LONGEST_NAP = 5.0
_WHEN_QUEUED = frozenset({"drop", "duplicate", "delay", "reorder"})
_WHEN_SENT = frozenset({"tamper", "wrong_secret", "old_secret"})
_AMOUNT = re.compile(rb'"amount":\s*(\d+)')


@dataclass(frozen=True)
class Message:
    """An event as the provider sends it: the exact bytes that are signed."""

    provider: str
    event_id: str
    event_type: str
    body: bytes


@dataclass(frozen=True)
class _Outcome:
    status: int | None
    error: str | None
    fault: str | None
    body: bytes
    seconds: float

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the 2xx range


class Webhooks:
    """The queue and its sender. Order is not kept, many are sent at once, and what is pending survives a restart.

    Follows docs.stripe.com/webhooks: a delivery counts as accepted on any 2xx, redirects are failures, and a failed one
    is repeated after growing delays.
    """

    def __init__(self, store: Store, chaos: Chaos, settings: SandboxSettings) -> None:
        self._store = store
        self._chaos = chaos
        self._settings = settings
        self._wake = asyncio.Event()
        self._flying: set[asyncio.Task[None]] = set()

    def has_target(self, provider: str) -> bool:
        """Whether events of this provider are sent anywhere."""
        return provider in self._settings.webhook_targets

    def enqueue(self, db: sqlite3.Connection, message: Message) -> None:
        """Queue an event in the transaction that caused it; chaos may drop, multiply, delay or shuffle it."""
        url = self._settings.webhook_targets.get(message.provider)
        if url is None:
            return
        modes = self._chaos.every(message.provider, message.event_type, _WHEN_QUEUED)
        copies = modes["duplicate"].rule.times if "duplicate" in modes else 1
        now = time.time()
        due = now + _lateness(modes)
        state = "dropped" if "drop" in modes else "pending"
        row = (message.provider, message.event_id, message.event_type, url, message.body, now, state, due)
        db.executemany(
            "INSERT INTO webhook_deliveries (provider, event_id, event_type, url, body, created, state, next_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [row] * copies,
        )
        self._wake.set()

    def resend(self, event_id: str) -> int:
        """Send an event's deliveries once more, whatever became of them; answers how many there are."""
        with self._store.transaction() as db:
            again = "UPDATE webhook_deliveries SET state = 'pending', next_at = 0, attempts = 0 WHERE event_id = ?"
            count = db.execute(again, (event_id,)).rowcount
        self._wake.set()
        return count

    async def run(self, providers: Mapping[str, Provider]) -> None:
        """Send what is due, for ever. On cancellation unfinished deliveries stay pending."""
        with self._store.transaction() as db:
            db.execute("UPDATE webhook_deliveries SET state = 'pending' WHERE state = 'sending'")
        limits = httpx2.Limits(max_connections=_AT_ONCE, max_keepalive_connections=20)
        try:
            async with httpx2.AsyncClient(
                timeout=self._settings.webhook_timeout, limits=limits, trust_env=False
            ) as client:
                while True:
                    self._wake.clear()
                    for row in self._claim_due():
                        self._fly(self._deliver(client, providers[row["provider"]], row))
                    await self._nap()
        finally:
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)

    def _fly(self, delivery: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(delivery)
        self._flying.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("a delivery broke", exc_info=task.exception())

    async def _nap(self) -> None:
        with self._store.transaction() as db:
            row = db.execute(
                "SELECT min(next_at) AS soonest FROM webhook_deliveries WHERE state = 'pending'"
            ).fetchone()
        wait = _LONGEST_NAP if row["soonest"] is None else max(0.0, min(_LONGEST_NAP, row["soonest"] - time.time()))
        if len(self._flying) >= _AT_ONCE:
            wait = _LONGEST_NAP
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            return

    def _claim_due(self) -> list[sqlite3.Row]:
        places = _AT_ONCE - len(self._flying)
        if places <= 0:
            return []
        with self._store.transaction() as db:
            due = "SELECT * FROM webhook_deliveries WHERE state = 'pending' AND next_at <= ? ORDER BY next_at LIMIT ?"
            rows = db.execute(due, (time.time(), places)).fetchall()
            if rows:
                claim = "UPDATE webhook_deliveries SET state = 'sending' WHERE id = ?"
                db.executemany(claim, [(row["id"],) for row in rows])
        return rows

    async def _deliver(self, client: httpx2.AsyncClient, provider: Provider, row: sqlite3.Row) -> None:
        outcome = await self._attempt(client, provider, row)
        self._note(row, outcome)

    async def _attempt(self, client: httpx2.AsyncClient, provider: Provider, row: sqlite3.Row) -> _Outcome:
        faults = self._chaos.every(provider.name, row["event_type"], _WHEN_SENT)
        secrets = self._settings.secrets_of(provider.name)
        if "old_secret" in faults:
            secrets = secrets[-1:]
        if "wrong_secret" in faults:
            secrets = ("whsec_not_the_secret_of_this_endpoint",)
        started = time.time()
        # Each attempt signs the same body anew, with its own timestamp (docs.stripe.com/webhooks#replay-attacks).
        proof = provider.sign(row["event_id"], row["body"], secrets, started)
        headers = {"content-type": "application/json; charset=utf-8", **proof}
        body = _tampered(row["body"]) if "tamper" in faults else row["body"]
        status, error = await self._post(client, row["url"], body, headers)
        return _Outcome(status, error, ",".join(sorted(faults)) or None, body, time.time() - started)

    async def _post(
        self, client: httpx2.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int | None, str | None]:
        try:
            async with asyncio.timeout(self._settings.webhook_timeout):
                answer = await client.post(url, content=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            return None, f"{type(error).__name__}: {error}"
        return answer.status_code, None

    def _note(self, row: sqlite3.Row, outcome: _Outcome) -> None:
        digest = hashlib.sha256(outcome.body).hexdigest()
        attempt = (row["id"], time.time(), outcome.seconds, outcome.status, outcome.error, outcome.fault, digest)
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO webhook_attempts (delivery, at, seconds, status, error, fault, body_sha256)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                attempt,
            )
            done = (
                "UPDATE webhook_deliveries SET state = ?, next_at = ?, attempts = ? WHERE id = ? AND state = 'sending'"
            )
            state, next_at = self._what_next(row["attempts"], accepted=outcome.accepted)
            db.execute(done, (state, next_at, row["attempts"] + 1, row["id"]))

    def _what_next(self, attempts: int, *, accepted: bool) -> tuple[str, float]:
        delays = self._settings.webhook_retry_delays
        if accepted:
            return "delivered", 0.0
        if attempts >= len(delays):
            return "failed", 0.0
        return "pending", time.time() + delays[attempts]


def _lateness(modes: Mapping[str, Hit]) -> float:
    """Seconds a delivery is held back: fixed by a delay rule, random within the window of a reorder rule."""
    late = modes["delay"].rule.wait(1.0) if "delay" in modes else 0.0
    if "reorder" in modes:
        late += modes["reorder"].dice.random() * modes["reorder"].rule.wait(2.0)
    return late


def _tampered(body: bytes) -> bytes:
    """The body with its first amount raised by one, or a space at its end."""
    changed, count = _AMOUNT.subn(lambda match: b'"amount":%d' % (int(match[1]) + 1), body, count=1)
    return changed if count else body + b" "


def delivery_log(db: sqlite3.Connection, provider: str, since: float) -> list[JsonObject]:
    """One line per queued delivery, oldest first: what it carried and what became of it."""
    rows = db.execute(
        "SELECT * FROM webhook_deliveries WHERE provider = ? AND created >= ? ORDER BY id", (provider, since)
    ).fetchall()
    return [
        {
            "event_id": row["event_id"],
            "type": row["event_type"],
            "attempts": row["attempts"],
            "delivered": row["state"] == "delivered",
            "state": row["state"],
            "body_sha256": hashlib.sha256(row["body"]).hexdigest(),
        }
        for row in rows
    ]


def attempt_log(db: sqlite3.Connection, limit: int) -> list[JsonObject]:
    """The newest attempts first, of all providers."""
    rows = db.execute(
        "SELECT a.*, d.provider, d.event_id, d.event_type, d.url, d.state FROM webhook_attempts a"
        " JOIN webhook_deliveries d ON d.id = a.delivery ORDER BY a.id DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return [dict(row) for row in rows]


def still_pending(db: sqlite3.Connection, event_id: str) -> int:
    """How many deliveries of an event have not been accepted yet."""
    count = "SELECT count(*) FROM webhook_deliveries WHERE event_id = ? AND state IN ('pending', 'sending')"
    return int(db.execute(count, (event_id,)).fetchone()[0])
