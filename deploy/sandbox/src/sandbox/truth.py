"""What a stand-in believes happened, for whoever compares books."""

import json
import sqlite3

from sandbox.provider import JsonObject
from sandbox.webhooks import delivery_log

Shown = dict[str, tuple[str, list[str]]]


def believed(db: sqlite3.Connection, provider: str, shown: Shown, since: float) -> JsonObject:
    """A provider's books by name and its webhooks, oldest first, of what was made at or after a Unix time.

    ``shown`` gives by book the kind of object and its fields to tell.
    """
    books: JsonObject = {book: _things(db, provider, kind, fields, since) for book, (kind, fields) in shown.items()}
    return books | {"webhooks": delivery_log(db, provider, since)}


def _things(db: sqlite3.Connection, provider: str, kind: str, fields: list[str], since: float) -> list[JsonObject]:
    query = f"SELECT body FROM {provider}_objects WHERE kind = ? AND created >= ? ORDER BY seq"  # noqa: S608 - a literal
    things = (json.loads(row["body"]) for row in db.execute(query, (kind, int(since))))
    return [{field: thing[field] for field in fields} for thing in things]
