"""Answers kept under idempotency keys, so that a repeated request gets the first one's."""

import hashlib
import json
import math
import sqlite3
import time
from dataclasses import dataclass

from sandbox.provider import JsonObject


@dataclass(frozen=True)
class Replay:
    """An answer given before."""

    fingerprint: str
    status: int
    body: JsonObject
    request_id: str


@dataclass(frozen=True)
class Replays:
    """One provider's keys, in a table of its own; `lifetime` is in seconds."""

    table: str
    lifetime: float = math.inf

    @property
    def schema(self) -> str:
        """What the store must have."""
        return f"""
CREATE TABLE IF NOT EXISTS {self.table} (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, created REAL NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS {self.table}_created ON {self.table} (created);
"""

    def recall(self, db: sqlite3.Connection, key: str) -> Replay | None:
        """What was answered to this key, if that is not too long ago."""
        query = f"SELECT * FROM {self.table} WHERE key = ?"  # noqa: S608 - the table is named by this package
        row = db.execute(query, (key,)).fetchone()
        if row is None or row["created"] < time.time() - self.lifetime:
            return None
        return Replay(row["fingerprint"], row["status"], json.loads(row["body"]), row["request_id"])

    def remember(self, db: sqlite3.Connection, key: str, replay: Replay) -> None:
        """Keep an answer in the transaction that brought it about."""
        now = time.time()
        if math.isfinite(self.lifetime):
            forget = f"DELETE FROM {self.table} WHERE created < ?"  # noqa: S608 - as above
            db.execute(forget, (now - self.lifetime,))
        row = (key, replay.fingerprint, now, replay.status, json.dumps(replay.body), replay.request_id)
        db.execute(f"INSERT OR REPLACE INTO {self.table} VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - as above


def fingerprint(path: str, params: JsonObject) -> str:
    """What must be alike for two requests to be the same one."""
    canonical = json.dumps([path, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
