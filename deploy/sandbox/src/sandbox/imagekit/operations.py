"""The table of what the stand-in's API can do below `/v1/`: method and path, name, deed."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sandbox.imagekit import library, search
from sandbox.imagekit.books import Books
from sandbox.imagekit.errors import Answer
from sandbox.imagekit.objects import shown
from sandbox.provider import JsonObject


@dataclass(frozen=True)
class Asked:
    """What an operation is asked: its parameters and the ids in its path."""

    params: JsonObject
    ids: tuple[str, ...]


Deed = Callable[[Books, Asked], Answer]


@dataclass(frozen=True)
class Operation:
    """One operation, under the name by which chaos knows it."""

    name: str
    run: Deed


def _delete(books: Books, asked: Asked) -> Answer:
    library.delete(books, asked.ids[0])
    return Answer(204)


def _delete_version(books: Books, asked: Asked) -> Answer:
    library.delete_version(books, asked.ids[0], asked.ids[1])
    return Answer(204)


_OPERATIONS: Final[tuple[tuple[str, str, Operation], ...]] = tuple(
    (method, path.replace(":id", "([^/]+)"), Operation(name, run))
    for method, path, name, run in (
        ("GET", "files", "files.list", lambda b, a: Answer(200, search.found(b, a.params))),
        ("POST", "files/purge", "cache.purge", lambda _, a: Answer(201, library.purge(a.params))),
        ("GET", "files/purge/:id", "cache.status", lambda _b, _a: Answer(200, {"status": "Completed"})),
        (
            "POST",
            "files/batch/deleteByFileIds",
            "files.bulk_delete",
            lambda b, a: Answer(200, library.delete_many(b, a.params.get("fileIds"))),
        ),
        ("GET", "files/:id/details", "files.get", lambda b, a: Answer(200, shown(b.file(a.ids[0])))),
        (
            "PATCH",
            "files/:id/details",
            "files.update",
            lambda b, a: Answer(200, library.update(b, a.params, a.ids[0])),
        ),
        ("GET", "files/:id/metadata", "files.metadata", lambda b, a: Answer(200, library.metadata(b, a.ids[0]))),
        ("GET", "files/:id/versions", "versions.list", lambda b, a: Answer(200, library.versions(b, a.ids[0]))),
        ("GET", "files/:id/versions/:id", "versions.get", lambda b, a: Answer(200, library.version(b, *a.ids))),
        ("DELETE", "files/:id/versions/:id", "versions.delete", _delete_version),
        (
            "PUT",
            "files/:id/versions/:id/restore",
            "versions.restore",
            lambda b, a: Answer(200, library.restore_version(b, *a.ids)),
        ),
        ("DELETE", "files/:id", "files.delete", _delete),
    )
)


def find_operation(method: str, path: str) -> tuple[Operation, tuple[str, ...]] | None:
    """The operation behind a path below `/v1/`, with the ids in it."""
    for wanted, pattern, operation in _OPERATIONS:
        found = re.fullmatch(pattern, path.strip("/")) if wanted == method else None
        if found is not None:
            return operation, found.groups()
    return None
