"""What the stand-in for ImageKit shows of its library to whoever compares books."""

import sqlite3

from sandbox import truth
from sandbox.imagekit.books import NAME
from sandbox.provider import JsonObject

_SHOWN = {
    "files": (
        "file",
        "fileId filePath name size mime fileType isPrivateFile isPublished tags createdAt updatedAt".split(),
    ),
    "deletions": ("deletion", "fileId filePath deletedAt".split()),
}


def believed(db: sqlite3.Connection, since: float) -> JsonObject:
    """The files there are and were, oldest first, of what came or went at or after a Unix time."""
    return truth.believed(db, NAME, _SHOWN, since)
