"""Where the stand-in keeps its files, their versions and used tokens, and how it tells the world of a change."""

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sandbox.imagekit.errors import ImageKitError, no_asset, no_file
from sandbox.provider import JsonObject
from sandbox.webhooks import Message
from sandbox.world import World

NAME: Final = "imagekit"
ACCOUNT: Final = "souk"  # the imagekit id, of which URL endpoints are made
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS imagekit_objects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, created INTEGER NOT NULL, path TEXT NOT NULL,
    parent TEXT, blob TEXT, body TEXT NOT NULL, UNIQUE (kind, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS imagekit_objects_path ON imagekit_objects (path) WHERE kind = 'file';
CREATE INDEX IF NOT EXISTS imagekit_objects_parent ON imagekit_objects (parent, kind) WHERE parent IS NOT NULL;
CREATE TABLE IF NOT EXISTS imagekit_tokens (digest TEXT PRIMARY KEY, used REAL NOT NULL);
"""


@dataclass(frozen=True)
class Books:
    """The media library of the one account, within one transaction.

    Files and versions are kept as the API shows them. `dropped` are blobs to forget after the commit.
    """

    db: sqlite3.Connection
    world: World
    dropped: list[str] = field(default_factory=list)

    def add(self, kind: str, thing: JsonObject, blob: str | None = None) -> None:
        """Keep a new file, an older version of one, or the memory of a deleted one."""
        wanted = thing["versionInfo"]["id"] if kind == "version" else thing["fileId"]
        parent = thing["fileId"] if kind == "version" else None
        self.db.execute(
            "INSERT INTO imagekit_objects (id, kind, created, path, parent, blob, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (wanted, kind, int(time.time()), thing["filePath"], parent, blob, json.dumps(thing)),
        )

    def save(self, thing: JsonObject, blob: str | None = None) -> None:
        """Keep a file's new state, and another blob if one is given."""
        update = "UPDATE imagekit_objects SET body = ?, blob = coalesce(?, blob) WHERE kind = 'file' AND id = ?"
        self.db.execute(update, (json.dumps(thing), blob, thing["fileId"]))

    def file(self, file_id: str) -> JsonObject:
        """A file. Raises `ImageKitError`."""
        found = self._select("kind = 'file' AND id = ?", (file_id,))
        if not found:
            raise no_file()
        return found[0]

    def at(self, path: str) -> JsonObject | None:
        """The file at a path of the library."""
        found = self._select("kind = 'file' AND path = ?", (path,))
        return found[0] if found else None

    def files(self, folder: str = "/") -> list[JsonObject]:
        """All files in a folder and the folders below it, oldest first; its name ends with a slash."""
        end = folder[:-1] + chr(ord("/") + 1)
        return self._select("kind = 'file' AND path >= ? AND path < ? ORDER BY seq", (folder, end))

    def newest(self, limit: int) -> list[JsonObject]:
        """The files that came last."""
        return self._select("kind = 'file' ORDER BY seq DESC LIMIT ?", (limit,))

    def older(self, file_id: str) -> list[JsonObject]:
        """The versions a file had before, newest first."""
        return self._select("kind = 'version' AND parent = ? ORDER BY seq DESC", (file_id,))

    def version(self, file_id: str, version_id: str) -> JsonObject:
        """One of those. Raises `ImageKitError`."""
        found = self._select("kind = 'version' AND parent = ? AND id = ?", (file_id, version_id))
        if not found:
            raise no_asset()
        return found[0]

    def blob(self, kind: str, wanted: str) -> str:
        """The name of the blob behind a file or version that is there."""
        query = "SELECT blob FROM imagekit_objects WHERE kind = ? AND id = ?"
        return str(self.db.execute(query, (kind, wanted)).fetchone()["blob"])

    def remove_version(self, version_id: str, *, keep_blob: bool = False) -> None:
        """Forget a version, and its blob unless another one has it now."""
        if not keep_blob:
            self.dropped.append(self.blob("version", version_id))
        self.db.execute("DELETE FROM imagekit_objects WHERE kind = 'version' AND id = ?", (version_id,))

    def remove(self, file: JsonObject) -> None:
        """Forget a file with all its versions; that it was there is remembered, and told."""
        file_id = file["fileId"]
        self.dropped.append(self.blob("file", file_id))
        for version in self.older(file_id):
            self.remove_version(version["versionInfo"]["id"])
        self.db.execute("DELETE FROM imagekit_objects WHERE kind = 'file' AND id = ?", (file_id,))
        self.add("deletion", {"fileId": file_id, "filePath": file["filePath"], "deletedAt": now()})
        self.tell("file.deleted", {"fileId": file_id})

    def use(self, token: str) -> None:
        """Use a token up. Raises `ImageKitError` when it has been used before."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        try:
            self.db.execute("INSERT INTO imagekit_tokens VALUES (?, ?)", (digest, time.time()))
        except sqlite3.IntegrityError as error:
            raise ImageKitError(
                f"The token with value '{token}' has been used before. We suggest using V4 UUIDs, or another random"
                " string with enough entropy to avoid collisions."
            ) from error

    def tell(self, event: str, data: JsonObject) -> None:
        """Queue the webhook that says what happened (imagekit.io/docs/dam-events)."""
        event_id = fresh_id()
        body = {"id": event_id, "type": event, "created_at": now(), "data": data}
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        self.world.webhooks.enqueue(self.db, Message(NAME, event_id, event, text.encode()))

    def _select(self, where: str, values: Sequence[object]) -> list[JsonObject]:
        query = f"SELECT body FROM imagekit_objects WHERE {where}"  # noqa: S608 - conditions are literals of this class
        return [json.loads(row["body"]) for row in self.db.execute(query, values).fetchall()]


def known_blobs(db: sqlite3.Connection) -> set[str]:
    """The blobs that belong to something."""
    return {row["blob"] for row in db.execute("SELECT blob FROM imagekit_objects WHERE blob IS NOT NULL")}


def fresh_id() -> str:
    """A new identifier as of every object: 24 hexadecimal digits."""
    return secrets.token_hex(12)


def now() -> str:
    """The moment as every date of ImageKit: UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
