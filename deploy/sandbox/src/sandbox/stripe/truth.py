"""What the stand-in for Stripe shows of its books to whoever compares them."""

import sqlite3

from sandbox import truth
from sandbox.provider import JsonObject
from sandbox.stripe.books import NAME

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
    return truth.believed(db, NAME, _SHOWN, since)
