"""The mails taken so far, one row per recipient."""

import email
import email.policy
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage

from sandbox.provider import JsonObject
from sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY, received_at TEXT NOT NULL, recipient TEXT NOT NULL COLLATE NOCASE, sender TEXT NOT NULL,
    subject TEXT NOT NULL, message_id TEXT NOT NULL, text TEXT NOT NULL, html TEXT NOT NULL, raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS mails_recipient ON mails (recipient, id);
"""
_COLUMNS = "id, subject, recipient, sender, text, html, message_id, received_at"
_BODIES = ("plain", "html")


class Mailbox:
    """All mails of one sandbox."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, recipients: Sequence[str], sender: str, raw: bytes) -> None:
        """Keep a mail for each of its recipients. Bytes that are no mail are kept as text."""
        message = email.message_from_bytes(raw, policy=email.policy.default)
        text, html = (_body(message, kind) for kind in _BODIES)
        author = _header(message, "from") or sender
        shared = (author, _header(message, "subject"), _header(message, "message-id"), text, html, raw)
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._store.transaction() as db:
            db.executemany(
                "INSERT INTO mails (received_at, recipient, sender, subject, message_id, text, html, raw)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(at, recipient, *shared) for recipient in recipients],
            )

    def listed(self, recipient: str | None = None, limit: int = 1000) -> list[JsonObject]:
        """Mails newest first, of one recipient if named."""
        condition, values = ("WHERE recipient = ?", [recipient]) if recipient else ("", [])
        query = f"SELECT {_COLUMNS} FROM mails {condition} ORDER BY id DESC LIMIT ?"  # noqa: S608 - literals of this module
        with self._store.transaction() as db:
            return [_shown(row) for row in db.execute(query, [*values, limit])]

    def find(self, mail_id: int) -> JsonObject | None:
        """One mail, with its `raw` text."""
        with self._store.transaction() as db:
            row = db.execute("SELECT * FROM mails WHERE id = ?", (mail_id,)).fetchone()
        if row is None:
            return None
        return {**_shown(row), "raw": row["raw"].decode("utf-8", "replace")}

    def count(self) -> int:
        """How many mails are kept."""
        with self._store.transaction() as db:
            return int(db.execute("SELECT count(*) FROM mails").fetchone()[0])

    def empty(self) -> None:
        """Throw all away."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM mails")


def _shown(row: sqlite3.Row) -> JsonObject:
    return {
        "id": row["id"],
        "subject": row["subject"],
        "to": row["recipient"],
        "from": row["sender"],
        "text": row["text"],
        "html": row["html"],
        "message_id": row["message_id"],
        "received_at": row["received_at"],
    }


def _header(message: EmailMessage, name: str) -> str:
    try:
        return _storable(str(message.get(name, ""))).strip()  # a long one may begin on a line of its own
    except (ValueError, LookupError, IndexError, AttributeError):
        # Malformed headers make the parser fail in many ways; the mail is kept all the same.
        return ""


def _body(message: EmailMessage, kind: str) -> str:
    try:
        part = message.get_body((kind,))
        return "" if part is None else _storable(str(part.get_content()))
    except (ValueError, LookupError, IndexError, AttributeError):
        return ""


def _storable(text: str) -> str:
    """SQLite refuses the lone surrogates that stand for undecodable bytes."""
    return text.encode("utf-8", "replace").decode("utf-8")
