"""What the stand-in for Razorpay shows of its books to whoever compares them."""

import sqlite3

from sandbox import truth
from sandbox.provider import JsonObject
from sandbox.razorpay.books import NAME

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
    return truth.believed(db, NAME, _SHOWN, since)
