"""Where the stand-in keeps its orders, payments and refunds, and how it tells the world that one changed."""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sandbox.later import Task
from sandbox.provider import JsonObject
from sandbox.razorpay.errors import RazorpayError, unknown_id
from sandbox.store import new_id
from sandbox.webhooks import Message
from sandbox.world import World

NAME: Final = "razorpay"
ACCOUNT: Final = "acc_SandboxAccount"
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS razorpay_objects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    parent TEXT, receipt TEXT, secrets TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS razorpay_objects_kind ON razorpay_objects (kind, seq);
CREATE INDEX IF NOT EXISTS razorpay_objects_parent ON razorpay_objects (parent, kind) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS razorpay_objects_receipt ON razorpay_objects (receipt, kind) WHERE receipt IS NOT NULL;
"""
_PREFIXES: Final = {"order": "order_", "payment": "pay_", "refund": "rfnd_"}
_LENGTH: Final = 14
_PARENTS: Final = {"payment": "order_id", "refund": "payment_id"}


@dataclass(frozen=True)
class Books:
    """The objects of the one account, within one transaction."""

    db: sqlite3.Connection
    world: World

    def add(self, thing: JsonObject, secrets: JsonObject) -> JsonObject:
        """Keep a new object. `secrets` are what belongs to it and is never shown: a card's number, a key's secret."""
        kind = thing["entity"]
        parent = thing.get(_PARENTS.get(kind, ""))
        row = (thing["id"], kind, thing["created_at"], parent, thing.get("receipt"), json.dumps(secrets))
        self.db.execute(
            "INSERT INTO razorpay_objects (id, kind, created, parent, receipt, secrets, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*row, json.dumps(thing)),
        )
        return thing

    def save(self, thing: JsonObject) -> JsonObject:
        """Keep an object's new state."""
        self.db.execute("UPDATE razorpay_objects SET body = ? WHERE id = ?", (json.dumps(thing), thing["id"]))
        return thing

    def get(self, kind: str, wanted: str) -> JsonObject:
        """An object by kind and id. Raises `RazorpayError`."""
        if not wanted.startswith(_PREFIXES[kind]) or len(wanted) != len(_PREFIXES[kind]) + _LENGTH:
            raise RazorpayError(f"{wanted} is not a valid id")
        found = self.select("id = ? AND kind = ?", (wanted, kind))
        if not found:
            raise unknown_id()
        return found[0]

    def secrets(self, wanted: str) -> JsonObject:
        """What was put away with an object."""
        row = self.db.execute("SELECT secrets FROM razorpay_objects WHERE id = ?", (wanted,)).fetchone()
        found: JsonObject = json.loads(row["secrets"])
        return found

    def select(self, where: str, values: Sequence[object]) -> list[JsonObject]:
        """Objects by an SQL condition over seq, id, kind, created, parent, receipt and body."""
        query = f"SELECT body FROM razorpay_objects WHERE {where}"  # noqa: S608 - conditions are literals of this package
        return [json.loads(row["body"]) for row in self.db.execute(query, values).fetchall()]

    def payments_of(self, order_id: str) -> list[JsonObject]:
        """An order's payments, newest first."""
        return self.select("parent = ? AND kind = 'payment' ORDER BY seq DESC", (order_id,))

    def tell(self, event: str, **things: JsonObject) -> None:
        """Queue the webhook that says what happened (razorpay.com/docs/webhooks/payments); a snapshot of the things."""
        body: JsonObject = {
            "entity": "event",
            "account_id": ACCOUNT,
            "event": event,
            "contains": list(things),
            "payload": {name: {"entity": thing} for name, thing in things.items()},
            "created_at": now(),
        }
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        self.world.webhooks.enqueue(self.db, Message(NAME, new_id("", _LENGTH), event, text.encode()))

    def note(self, task: str, subject: str, after: float | None = None) -> None:
        """Have a task done after some seconds, `settle_after` unless said."""
        wait = self.world.settings.settle_after if after is None else after
        self.world.later.note(self.db, Task(NAME, task, subject), time.time() + wait)


def fresh_id(kind: str) -> str:
    """A new identifier of that kind."""
    return new_id(_PREFIXES[kind], _LENGTH)


def now() -> int:
    """Unix time in whole seconds, as every `created_at` of Razorpay."""
    return int(time.time())
