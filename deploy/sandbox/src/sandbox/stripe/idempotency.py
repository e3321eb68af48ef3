"""Idempotency keys (docs.stripe.com/api/idempotent_requests): the first executed answer to a key is the only one."""

import sqlite3

from sandbox.replays import Replay, Replays, fingerprint
from sandbox.stripe.errors import Answer, ParamsError, key_used_otherwise

__all__ = ["SCHEMA", "check_key", "fingerprint", "recall", "remember"]

_KEPT = Replays("stripe_idempotency", lifetime=24 * 3600.0)
SCHEMA = _KEPT.schema
_LONGEST = 255


def check_key(key: str) -> None:
    """Refuse keys that are too long. Raises `ParamsError`."""
    if len(key) > _LONGEST:
        raise ParamsError(f"Idempotency keys must be at most {_LONGEST} characters long.", param="Idempotency-Key")


def recall(db: sqlite3.Connection, key: str, wanted: str) -> tuple[Answer, str] | None:
    """A key's stored answer and the id of the request that made it. Raises `StripeError` if that one differed."""
    known = _KEPT.recall(db, key)
    if known is None:
        return None
    if known.fingerprint != wanted:
        raise key_used_otherwise(key)
    return Answer(known.status, known.body), known.request_id


def remember(db: sqlite3.Connection, key: str, wanted: str, answer: Answer, request_id: str) -> None:
    """Store an executed answer in the transaction that executed it."""
    _KEPT.remember(db, key, Replay(wanted, answer.status, answer.body, request_id))
