"""What the stand-in believes happened, for whoever compares books."""

import json
import sqlite3

from sandbox.provider import JsonObject
from sandbox.razorpay.books import NAME
from sandbox.webhooks import delivery_log

_SHOWN = {
    "orders": ("order", "id receipt status amount amount_paid amount_due currency attempts created_at notes".split()),
    "payments": (
        "payment",
        """id order_id status captured amount amount_refunded refund_status currency error_reason created_at
        notes""".split(),
    ),
    "refunds": ("refund", "id payment_id amount currency status receipt speed_processed created_at notes".split()),
}


def believed(db: sqlite3.Connection, since: float) -> JsonObject:
    """All books, oldest first, of objects made at or after a Unix time."""
    truth: JsonObject = {name: _shown(db, kind, fields, since) for name, (kind, fields) in _SHOWN.items()}
    return truth | {"webhooks": delivery_log(db, NAME, since)}


def _shown(db: sqlite3.Connection, kind: str, fields: list[str], since: float) -> list[JsonObject]:
    query = "SELECT body FROM razorpay_objects WHERE kind = ? AND created >= ? ORDER BY seq"
    things = (json.loads(row["body"]) for row in db.execute(query, (kind, int(since))))
    return [{field: thing[field] for field in fields} for thing in things]
