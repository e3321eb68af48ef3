"""Taking an upload: permission, parameters, checks, and its place in the library."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sandbox.imagekit import access, tokens
from sandbox.imagekit.access import Keys
from sandbox.imagekit.blobs import Blobs
from sandbox.imagekit.books import Books, fresh_id, now
from sandbox.imagekit.checks import check
from sandbox.imagekit.errors import Answer, ImageKitError, invalid, missing
from sandbox.imagekit.forms import Incoming
from sandbox.imagekit.objects import RESPONSE_FIELDS, new_file, shown, uploaded
from sandbox.provider import JsonObject
from sandbox.store import new_id, savepoint

_FLAGS: Final = {
    "useUniqueFileName": True, "isPrivateFile": False, "isPublished": True, "overwriteFile": True,
    "overwriteAITags": True, "overwriteTags": True, "overwriteCustomMetadata": True,
}  # fmt: skip
_TEXTS: Final = frozenset(
    "fileName folder tags customCoordinates responseFields customMetadata checks description webhookUrl".split()
)
_NOT_HERE: Final = frozenset({"transformation", "extensions"})
_STRANGE_IN_NAME: Final = re.compile(r"[^\w.\-]")
_STRANGE_IN_FOLDER: Final = re.compile(r"[^\w/\-]")
_LONGEST_TAGS: Final = 500
_COORDINATES: Final = re.compile(r"\d+,\d+,\d+,\d+", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """The parameters of an upload, understood."""

    given: JsonObject
    flags: dict[str, bool]
    path: str
    answer: frozenset[str]


@dataclass(frozen=True)
class Upload:
    """An upload as it came: by which version of the API, by whom, and what."""

    api: int
    authorization: str
    incoming: Incoming


def receive(books: Books, blobs: Blobs, upload: Upload, keys: Keys) -> Answer:
    """Take an upload in. Raises `ImageKitError`; what is refused after its token was seen has used the token up."""
    granted = _permission(books, upload, keys)
    proving = tokens.V1_FIELDS if upload.api == 1 else frozenset({"token"})
    fields = {name: value for name, value in upload.incoming.fields.items() if name not in proving}
    try:
        with savepoint(books.db):
            if granted is not None:
                tokens.check_same(granted, fields)
            return Answer(200, _placed(books, blobs, upload.incoming, _understood(fields)))
    except ImageKitError as error:
        return error.answer()


def _permission(books: Books, upload: Upload, keys: Keys) -> Mapping[str, Any] | None:
    """The parameters that were signed, None when any may be sent. Uses tokens up. Raises `ImageKitError`."""
    fields = upload.incoming.fields
    if upload.authorization or not fields.keys() & {"token", "signature"}:
        access.check_key(upload.authorization, keys)
        return None
    if upload.api == 1:
        tokens.check_v1(fields, keys)
        books.use(fields["token"])
        return None
    granted = tokens.check_v2(fields.get("token", ""), keys)
    books.use(fields["token"])
    return granted


def _understood(fields: dict[str, str]) -> Wanted:
    for name in sorted(fields.keys() - _FLAGS.keys() - _TEXTS):
        if name in _NOT_HERE:
            raise ImageKitError(f"The sandbox knows no {name} at upload.")
        raise ImageKitError(f"Your request contains unknown {name} parameter.")
    if not fields.get("fileName"):
        raise missing("fileName")
    flags = {name: _flag(name, fields[name]) if name in fields else usual for name, usual in _FLAGS.items()}
    given: JsonObject = {
        "tags": _tags(fields.get("tags", "")),
        "customCoordinates": _coordinates(fields.get("customCoordinates")),
        "customMetadata": _labels(fields.get("customMetadata", "{}")),
        "description": fields.get("description"),
        "checks": fields.get("checks"),
        "fileName": fields["fileName"],
        "folder": fields.get("folder", "/"),
        "webhookUrl": fields.get("webhookUrl"),
    }
    answer = frozenset(name.strip() for name in fields.get("responseFields", "").split(",") if name.strip())
    if answer - RESPONSE_FIELDS:
        raise invalid("responseFields")
    name = _STRANGE_IN_NAME.sub("_", fields["fileName"])
    return Wanted(given, flags, _path(given["folder"], name, unique=flags["useUniqueFileName"]), answer)


def _path(folder: str, name: str, *, unique: bool) -> str:
    """Where the file goes; a unique name has a random suffix before its ending."""
    if unique:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem or ending}_{new_id('', 9)}{dot + ending if stem else ''}"
    parts = [_STRANGE_IN_FOLDER.sub("_", part) for part in folder.split("/") if part]
    return "/" + "/".join([*parts, name])


def _placed(books: Books, blobs: Blobs, incoming: Incoming, wanted: Wanted) -> JsonObject:
    if wanted.given["checks"] is not None:
        check(wanted.given["checks"], _checked_facts(incoming, wanted))
    there = books.at(wanted.path)
    if there is not None and not (wanted.flags["overwriteFile"] or wanted.flags["useUniqueFileName"]):
        raise ImageKitError(
            "A file with the same name already exists at the exact location. We could not overwrite it because both"
            " overwriteFile and useUniqueFileName are set to false."
        )
    address = books.world.settings.address()
    file = new_file(wanted.path, incoming.facts, address) | {
        name: wanted.given[name] for name in ("tags", "customCoordinates", "customMetadata", "description")
    }
    file |= {name: wanted.flags[name] for name in ("isPrivateFile", "isPublished")}
    blob = fresh_id()
    if there is None:
        books.add("file", file, blob)
        books.tell("file.created", shown(file))
    else:
        file = _replaced(books, there, file, wanted, blob)
    blobs.keep(incoming.part, blob)
    return uploaded(file, wanted.answer)


def _replaced(books: Books, old: JsonObject, new: JsonObject, wanted: Wanted, blob: str) -> JsonObject:
    """The same file with another content: the old one becomes an older version of it."""
    count = len(books.older(old["fileId"])) + 2
    books.add("version", old | {"type": "file-version"}, books.blob("file", old["fileId"]))
    kept = {name: old[name] for name in ("fileId", "createdAt")}
    if not wanted.flags["overwriteTags"] and new["tags"] is None:
        kept["tags"] = old["tags"]
    if not wanted.flags["overwriteCustomMetadata"] and not new["customMetadata"]:
        kept["customMetadata"] = old["customMetadata"]
    file = new | kept | {"versionInfo": {"id": fresh_id(), "name": f"Version {count}"}, "updatedAt": now()}
    books.save(file, blob)
    books.tell("file-version.created", shown(file) | {"type": "file-version"})
    return file


def _checked_facts(incoming: Incoming, wanted: Wanted) -> JsonObject:
    """The fields checks may speak of, by name."""
    request: JsonObject = wanted.given | wanted.flags
    facts = {f"request.{name}": value for name, value in request.items()}
    facts |= {f"file.{name}": incoming.facts[name] for name in ("size", "mime")}
    return facts | {f"mediaMetadata.{name}": incoming.facts.get(name) for name in ("width", "height")}


def _flag(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise invalid(name)
    return text == "true"


def _tags(text: str) -> list[str] | None:
    if len(text) > _LONGEST_TAGS or "%" in text:
        raise invalid("tags")
    return [tag.strip() for tag in text.split(",") if tag.strip()] or None


def _coordinates(text: str | None) -> str | None:
    if text is not None and not _COORDINATES.fullmatch(text):
        raise invalid("customCoordinates")
    return text


def _labels(text: str) -> JsonObject:
    try:
        labels = json.loads(text)
    except ValueError as error:
        raise invalid("customMetadata") from error
    if not isinstance(labels, dict):
        raise invalid("customMetadata")
    return labels
