"""What the stand-in believes happened, for whoever compares books."""

import json
import sqlite3

from sandbox.provider import JsonObject
from sandbox.stripe.books import NAME
from sandbox.webhooks import delivery_log

_SHOWN = {
    "charges": (
        "charge",
        "id payment_intent amount amount_captured amount_refunded currency status captured created metadata".split(),
    ),
    "payment_intents": ("payment_intent", "id status amount amount_received currency created metadata".split()),
    "checkout_sessions": (
        "checkout.session",
        """id status payment_status payment_intent client_reference_id amount_total currency expires_at created
        metadata""".split(),
    ),
    "refunds": ("refund", "id payment_intent charge amount currency status reason created metadata".split()),
}


def believed(db: sqlite3.Connection, since: float) -> JsonObject:
    """All books, oldest first, of objects made at or after a Unix time."""
    truth: JsonObject = {name: _shown(db, kind, fields, since) for name, (kind, fields) in _SHOWN.items()}
    return truth | {"webhooks": delivery_log(db, NAME, since)}


def _shown(db: sqlite3.Connection, kind: str, fields: list[str], since: float) -> list[JsonObject]:
    query = "SELECT body FROM stripe_objects WHERE kind = ? AND created >= ? ORDER BY seq"
    things = (json.loads(row["body"]) for row in db.execute(query, (kind, int(since))))
    return [{field: thing[field] for field in fields} for thing in things]
