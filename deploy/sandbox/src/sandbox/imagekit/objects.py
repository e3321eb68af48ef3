"""Files as the API shows them (imagekit.io/docs/api-reference: file details, upload response, metadata)."""

from typing import Final
from urllib.parse import quote

from sandbox.imagekit.books import ACCOUNT, NAME, fresh_id, now
from sandbox.provider import JsonObject

_SAFE: Final = "/:@!$&'()*+,;=-._~"  # what the SDK leaves alone when it builds URLs
_ON_REQUEST: Final = {
    "tags", "customCoordinates", "isPrivateFile", "embeddedMetadata", "isPublished", "customMetadata", "metadata",
    "selectedFieldsSchema",
}  # fmt: skip
RESPONSE_FIELDS: Final = frozenset(_ON_REQUEST)
_UPLOADED: Final = ("fileId", "name", "size", "versionInfo", "filePath", "url", "fileType", "AITags", "description")
_FORMATS: Final = {"image/jpeg": "jpg", "image/svg+xml": "svg", "audio/mpeg": "mp3"}


def new_file(path: str, facts: JsonObject, address: str) -> JsonObject:
    """A file's first state; what the request wishes is put over it."""
    file_id, at = fresh_id(), now()
    return {
        "type": "file",
        "name": path.rpartition("/")[2],
        "createdAt": at,
        "updatedAt": at,
        "fileId": file_id,
        "tags": None,
        "AITags": None,
        "versionInfo": {"id": file_id, "name": "Version 1"},
        "embeddedMetadata": {},
        "customCoordinates": None,
        "customMetadata": {},
        "isPrivateFile": False,
        "isPublished": True,
        "filePath": path,
        "url": url_of(path, address),
        "thumbnail": None,
        "description": None,
        **content(path, facts, address),
    }


def content(path: str, facts: JsonObject, address: str) -> JsonObject:
    """What a file's bytes say of it; only images have a size in pixels and a thumbnail."""
    said: JsonObject = {name: facts[name] for name in ("size", "mime", "fileType")}
    said["metadata"] = metadata(facts)
    if "width" in facts:
        said |= {name: facts[name] for name in ("width", "height", "hasAlpha", "orientation")}
        said["thumbnail"] = url_of(path, address, "tr:n-ik_ml_thumbnail/")
    return said


def url_of(path: str, address: str, transformation: str = "") -> str:
    """Where the CDN serves a file; of a private one the URL needs a signature."""
    return f"{address}/{NAME}/cdn/{ACCOUNT}/{transformation}{quote(path.lstrip('/'), safe=_SAFE)}"


def shown(file: JsonObject) -> JsonObject:
    """File details, which leave the metadata to the metadata API."""
    hidden = {"metadata", "orientation"}
    return {name: value for name, value in file.items() if name not in hidden}


def uploaded(file: JsonObject, wanted: frozenset[str]) -> JsonObject:
    """What an upload answers: the essentials, and what `responseFields` asked for."""
    answer = {name: file[name] for name in _UPLOADED}
    if "width" in file:
        answer |= {name: file[name] for name in ("height", "width", "orientation")}
        answer["thumbnailUrl"] = file["thumbnail"]
    return answer | {name: file.get(name) for name in wanted}


def metadata(facts: JsonObject) -> JsonObject:
    """The metadata API's object; without the quality and the perceptual hash."""
    known: JsonObject = {
        "size": facts["size"],
        "format": format_of(str(facts["mime"])),
    }
    if "width" in facts:
        known |= {name: facts[name] for name in ("width", "height", "hasColorProfile", "density", "exif")}
        known["hasTransparency"] = facts["hasAlpha"]
    return known


def format_of(mime: str) -> str:
    """The format by its usual ending."""
    return _FORMATS.get(mime, mime.rpartition("/")[2])
