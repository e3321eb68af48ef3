"""Listing and searching the library (imagekit.io/docs/api-reference: list and search assets)."""

from functools import partial
from typing import Final

from sandbox.imagekit.books import Books
from sandbox.imagekit.errors import invalid
from sandbox.imagekit.language import Kind, LanguageError, Term, compare, holds, moment, parse
from sandbox.imagekit.objects import format_of, shown
from sandbox.provider import JsonObject

_MOST: Final = 1000
_SORTS: Final = {
    "NAME": "name", "CREATED": "createdAt", "UPDATED": "updatedAt", "HEIGHT": "height", "WIDTH": "width",
    "SIZE": "size", "RELEVANCE": "createdAt",
}  # fmt: skip
_FIELDS: Final = {
    "name": Kind.TEXT, "type": Kind.TEXT, "path": Kind.TEXT, "mime": Kind.TEXT, "fileType": Kind.TEXT,
    "format": Kind.TEXT, "tags": Kind.TAGS, "private": Kind.FLAG, "published": Kind.FLAG, "transparency": Kind.FLAG,
    "width": Kind.NUMBER, "height": Kind.NUMBER, "size": Kind.SIZE, "createdAt": Kind.DATE, "updatedAt": Kind.DATE,
}  # fmt: skip
_PARAMS: Final = frozenset("type sort path searchQuery fileType limit skip name tags".split())


def found(books: Books, params: JsonObject) -> list[JsonObject]:
    """GET /v1/files; there are no folders, so `type=folder` finds none. Raises `ImageKitError`."""
    for name in sorted(params.keys() - _PARAMS):
        raise invalid(name)
    limit, skip = _number(params, "limit", _MOST), _number(params, "skip", 0)
    if not 1 <= limit <= _MOST:
        raise invalid("limit")
    if params.get("type") in {"folder", "file-version"}:
        return []
    folder = "/" + params.get("path", "").strip("/")
    chosen = [file for file in books.files(folder.rstrip("/") + "/") if _plainly(file, params)]
    if "searchQuery" in params:
        try:
            condition = parse(params["searchQuery"])
            chosen = [file for file in chosen if holds(condition, partial(_judge, file))]
        except LanguageError as error:
            raise invalid("searchQuery") from error
    elif "name" in params or "tags" in params:
        chosen = [file for file in chosen if _named(file, params)]
    return [shown(file) for file in _sorted(chosen, params.get("sort", "ASC_CREATED"))[skip : skip + limit]]


def _plainly(file: JsonObject, params: JsonObject) -> bool:
    """By kind of file, and by folder without the folders in it."""
    kind = params.get("fileType", "all")
    if kind not in {"all", "image", "non-image"}:
        raise invalid("fileType")
    folder = _folder(file)
    inside = "path" not in params or folder == "/" + params["path"].strip("/")
    return inside and kind in {"all", file["fileType"]}


def _named(file: JsonObject, params: JsonObject) -> bool:
    tags = {tag for tag in params.get("tags", "").split(",") if tag}
    return file["name"] == params.get("name", file["name"]) and (not tags or bool(tags & set(file["tags"] or ())))


def _judge(file: JsonObject, term: Term) -> bool:
    kind = _FIELDS.get(term.field)
    if kind is None:
        raise LanguageError(f"{term.field} is no field")
    return compare(term, kind, _facts(file)[term.field], strict=False)


def _facts(file: JsonObject) -> JsonObject:
    """What a search may ask of a file, by the names of the language."""
    same = {name: file.get(name) for name in ("name", "type", "mime", "fileType", "width", "height", "size")}
    return same | {
        "path": _folder(file),
        "tags": file["tags"] or [],
        "format": format_of(file["mime"]),
        "private": file["isPrivateFile"],
        "published": file["isPublished"],
        "transparency": file.get("hasAlpha", False),
        "createdAt": moment(file["createdAt"]),
        "updatedAt": moment(file["updatedAt"]),
    }


def _folder(file: JsonObject) -> str:
    return str(file["filePath"]).rpartition("/")[0] or "/"


def _sorted(files: list[JsonObject], sort: str) -> list[JsonObject]:
    direction, _, field = sort.partition("_")
    if direction not in {"ASC", "DESC"} or field not in _SORTS:
        raise invalid("sort")
    name = _SORTS[field]
    empty = "" if field in {"NAME", "CREATED", "UPDATED", "RELEVANCE"} else 0
    return sorted(files, key=lambda file: file.get(name) or empty, reverse=direction == "DESC")


def _number(params: JsonObject, name: str, usual: int) -> int:
    text = str(params.get(name, usual))
    if not (text.isascii() and text.isdecimal()):
        raise invalid(name)
    return int(text)
