"""Idempotency keys (docs.stripe.com/api/idempotent_requests): the first executed answer to a key is the only one."""

import hashlib
import json
import sqlite3
import time

from sandbox.provider import JsonObject
from sandbox.stripe.errors import Answer, ParamsError, key_used_otherwise

SCHEMA = """
CREATE TABLE IF NOT EXISTS stripe_idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, created REAL NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS stripe_idempotency_created ON stripe_idempotency (created);
"""
_REMEMBERED = 24 * 3600.0
_LONGEST = 255


def check_key(key: str) -> None:
    """Refuse keys that are too long. Raises `ParamsError`."""
    if len(key) > _LONGEST:
        raise ParamsError(f"Idempotency keys must be at most {_LONGEST} characters long.", param="Idempotency-Key")


def fingerprint(path: str, params: JsonObject) -> str:
    """What must be alike for two requests to be the same one."""
    canonical = json.dumps([path, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def recall(db: sqlite3.Connection, key: str, wanted: str) -> tuple[Answer, str] | None:
    """A key's stored answer and the id of the request that made it. Raises `StripeError` if that one differed."""
    row = db.execute("SELECT * FROM stripe_idempotency WHERE key = ?", (key,)).fetchone()
    if row is None or row["created"] < time.time() - _REMEMBERED:
        return None
    if row["fingerprint"] != wanted:
        raise key_used_otherwise(key)
    return Answer(row["status"], json.loads(row["body"])), row["request_id"]


def remember(db: sqlite3.Connection, key: str, wanted: str, answer: Answer, request_id: str) -> None:
    """Store an executed answer in the transaction that executed it."""
    now = time.time()
    db.execute("DELETE FROM stripe_idempotency WHERE created < ?", (now - _REMEMBERED,))
    row = (key, wanted, now, answer.status, json.dumps(answer.body), request_id)
    db.execute("INSERT OR REPLACE INTO stripe_idempotency VALUES (?, ?, ?, ?, ?, ?)", row)
