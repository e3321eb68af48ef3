"""What can be done with files that are there (imagekit.io/docs/api-reference: managing assets)."""

from typing import Final

from sandbox.imagekit.books import Books, fresh_id, now
from sandbox.imagekit.errors import ImageKitError, invalid
from sandbox.imagekit.objects import shown
from sandbox.provider import JsonObject

_DETAILS: Final = ("tags", "customCoordinates", "customMetadata", "description")


def metadata(books: Books, file_id: str) -> JsonObject:
    """GET /v1/files/:id/metadata."""
    found: JsonObject = books.file(file_id)["metadata"]
    return found


def update(books: Books, params: JsonObject, file_id: str) -> JsonObject:
    """PATCH /v1/files/:id/details: details, or the state of publication, never both."""
    file = books.file(file_id)
    if "publish" in params:
        if len(params) > 1:
            raise ImageKitError("Your request cannot contain any other parameters when publish is present.")
        file["isPublished"] = _published(params["publish"])
    else:
        file |= {name: params[name] for name in _DETAILS if name in params}
        if isinstance(params.get("customMetadata"), dict):
            file["customMetadata"] = {
                name: value for name, value in file["customMetadata"].items() if value is not None
            }
    file["updatedAt"] = now()
    books.save(file)
    books.tell("file.updated", shown(file))
    return shown(file)


def _published(publish: object) -> bool:
    wanted = publish.get("isPublished") if isinstance(publish, dict) else None
    if not isinstance(wanted, bool):
        raise invalid("publish")
    return wanted


def delete(books: Books, file_id: str) -> None:
    """DELETE /v1/files/:id, which forgets all versions."""
    books.remove(books.file(file_id))


def delete_many(books: Books, file_ids: object) -> JsonObject:
    """POST /v1/files/batch/deleteByFileIds: all of them or none."""
    if not isinstance(file_ids, list) or not file_ids or not all(isinstance(wanted, str) for wanted in file_ids):
        raise invalid("fileIds")
    there = {file["fileId"]: file for file in books.files()}
    gone = [wanted for wanted in file_ids if wanted not in there]
    if gone:
        raise ImageKitError("The requested file(s) does not exist.", 404, missingFileIds=gone)
    for wanted in dict.fromkeys(file_ids):
        books.remove(there[wanted])
    return {"successfullyDeletedFileIds": file_ids}


def versions(books: Books, file_id: str) -> list[JsonObject]:
    """GET /v1/files/:id/versions: the current one first."""
    return [shown(file) for file in (books.file(file_id), *books.older(file_id))]


def version(books: Books, file_id: str, version_id: str) -> JsonObject:
    """GET /v1/files/:id/versions/:version."""
    current = books.file(file_id)
    return shown(current if current["versionInfo"]["id"] == version_id else books.version(file_id, version_id))


def delete_version(books: Books, file_id: str, version_id: str) -> None:
    """DELETE /v1/files/:id/versions/:version; the current one stays."""
    if books.file(file_id)["versionInfo"]["id"] == version_id:
        raise ImageKitError("You cannot delete current version of a file.")
    books.version(file_id, version_id)
    books.remove_version(version_id)
    books.tell("file-version.deleted", {"fileId": file_id, "versionId": version_id})


def restore_version(books: Books, file_id: str, version_id: str) -> JsonObject:
    """PUT /v1/files/:id/versions/:version/restore: the older version becomes the current one, and the other way."""
    current = books.file(file_id)
    if current["versionInfo"]["id"] == version_id:
        return shown(current)
    old = books.version(file_id, version_id)
    blob = books.blob("version", version_id)
    books.remove_version(version_id, keep_blob=True)
    books.add("version", current | {"type": "file-version"}, books.blob("file", file_id))
    restored = old | {"type": "file", "updatedAt": now()}
    books.save(restored, blob)
    books.tell("file.updated", shown(restored))
    return shown(restored)


def purge(params: JsonObject) -> JsonObject:
    """POST /v1/files/purge: nothing is cached, so there is nothing to do."""
    if not isinstance(params.get("url"), str):
        raise invalid("url")
    return {"requestId": fresh_id()}
