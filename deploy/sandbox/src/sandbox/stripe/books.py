"""Where the stand-in keeps its objects, and how it tells the world that one changed."""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.later import Task
from sandbox.provider import JsonObject
from sandbox.store import new_id
from sandbox.stripe.errors import missing_resource
from sandbox.webhooks import Message, still_pending
from sandbox.world import World

NAME = "stripe"
API_VERSION = "2026-10-28.endive"
SCHEMA = """
CREATE TABLE IF NOT EXISTS stripe_objects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    intent TEXT, charge TEXT, label TEXT, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS stripe_objects_kind ON stripe_objects (kind, seq);
CREATE INDEX IF NOT EXISTS stripe_objects_intent ON stripe_objects (intent, kind) WHERE intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS stripe_objects_charge ON stripe_objects (charge, kind) WHERE charge IS NOT NULL;
CREATE INDEX IF NOT EXISTS stripe_objects_items ON stripe_objects (label, seq) WHERE kind = 'item';
"""
_NOUNS = {"payment_method": "PaymentMethod"}


@dataclass(frozen=True)
class Books:
    """The objects of the one account, within one transaction and on behalf of one request (or of none)."""

    db: sqlite3.Connection
    world: World
    request_id: str | None = None
    idempotency_key: str | None = None
    settle_after: float | None = None

    def add(self, thing: JsonObject, label: str | None = None) -> JsonObject:
        """Keep a new object.

        `label` tells it apart privately: an event's type, a payment method's number, what a session is to pay with.
        """
        row = (thing["id"], thing["object"], thing.get("created") or now(), *_parents(thing), label, json.dumps(thing))
        insert = (
            "INSERT INTO stripe_objects (id, kind, created, intent, charge, label, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        self.db.execute(insert, row)
        return thing

    def save(self, thing: JsonObject) -> JsonObject:
        """Keep an object's new state."""
        row = (json.dumps(thing), *_parents(thing), thing["id"])
        self.db.execute("UPDATE stripe_objects SET body = ?, intent = ?, charge = ? WHERE id = ?", row)
        return thing

    def find(self, kind: str, wanted: str) -> JsonObject | None:
        """An object by kind and id."""
        row = self._row(kind, wanted)
        return None if row is None else self._thing(row)

    def get(self, kind: str, wanted: str, param: str = "id", status: int = 404) -> JsonObject:
        """An object by kind and id. Raises `StripeError` (resource_missing)."""
        thing = self.find(kind, wanted)
        if thing is None:
            raise missing_resource(_NOUNS.get(kind, kind), wanted, param, status)
        return thing

    def label(self, wanted: str) -> str | None:
        """The label an object was added with."""
        row = self.db.execute("SELECT label FROM stripe_objects WHERE id = ?", (wanted,)).fetchone()
        return None if row is None else row["label"]

    def select(self, where: str, values: Sequence[object]) -> list[JsonObject]:
        """Objects by an SQL condition over seq, id, kind, created, intent, charge and label."""
        query = f"SELECT * FROM stripe_objects WHERE {where}"  # noqa: S608 - conditions are literals of this package
        rows = self.db.execute(query, values)
        return [self._thing(row) for row in rows.fetchall()]

    def place(self, kind: str, wanted: str, param: str) -> int:
        """Where an object stands in its list. Raises `StripeError` (resource_missing)."""
        row = self._row(kind, wanted)
        if row is None:
            raise missing_resource(_NOUNS.get(kind, kind), wanted, param, 400)
        return int(row["seq"])

    def tell(self, event_type: str, thing: JsonObject, previous: JsonObject | None = None) -> None:
        """Write the event that says a thing changed, and queue its webhook (docs.stripe.com/api/events/object)."""
        data: JsonObject = {"object": thing}
        if previous is not None:
            data["previous_attributes"] = previous
        event: JsonObject = {
            "id": new_id("evt_"),
            "object": "event",
            "api_version": API_VERSION,
            "created": now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": int(self.world.webhooks.has_target(NAME)),
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": event_type,
        }
        self.add(event, event_type)
        self.world.webhooks.enqueue(self.db, Message(NAME, event["id"], event_type, json.dumps(event).encode()))

    def note(self, task: str, subject: str, due: float | None = None) -> None:
        """Have a task done at a Unix time, or once slow money has settled."""
        wait = self.world.settings.settle_after if self.settle_after is None else self.settle_after
        self.world.later.note(self.db, Task(NAME, task, subject), time.time() + wait if due is None else due)

    def _row(self, kind: str, wanted: str) -> sqlite3.Row | None:
        query = "SELECT * FROM stripe_objects WHERE id = ? AND kind = ?"
        row: sqlite3.Row | None = self.db.execute(query, (wanted, kind)).fetchone()
        return row

    def _thing(self, row: sqlite3.Row) -> JsonObject:
        thing: JsonObject = json.loads(row["body"])
        if row["kind"] == "event":
            thing["pending_webhooks"] = still_pending(self.db, row["id"])
        return thing


def _parents(thing: JsonObject) -> tuple[str | None, str | None]:
    if thing["object"] not in {"charge", "refund", "checkout.session"}:
        return None, None
    return thing.get("payment_intent"), thing.get("charge")


def now() -> int:
    """Unix time in whole seconds, as every `created` of Stripe."""
    return int(time.time())
