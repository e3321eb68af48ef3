"""An upload's form: its fields, and its file on disk."""

import base64
import binascii
import io
from asyncio import to_thread
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from sandbox.imagekit.blobs import Blobs
from sandbox.imagekit.content import facts_of
from sandbox.imagekit.errors import ImageKitError, missing
from sandbox.provider import JsonObject

_MOST_FIELDS: Final = 40
_LONGEST_FIELD: Final = 40 * 1024 * 1024  # a file may come as base64
_LARGEST: Final = 300 * 1024 * 1024


@dataclass(frozen=True)
class Incoming:
    """What was sent: the fields but the file, the file's bytes on disk, and what they turned out to be."""

    fields: dict[str, str]
    part: Path
    facts: JsonObject


async def received(request: Request, blobs: Blobs) -> Incoming:
    """Read the whole request. Raises `ImageKitError`; whoever gets an answer has to see to its `part`."""
    try:
        async with request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD) as form:
            pairs = form.multi_items()
            names = [name for name, _ in pairs]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ImageKitError(f"Your request contains {twice[0]} parameter more than once.")
            fields = {name: value for name, value in pairs if isinstance(value, str) and name != "file"}
            return await _written(form.get("file"), fields, blobs)
    except (HTTPException, MultiPartException) as error:
        raise ImageKitError("Your request is not readable.") from error


async def _written(file: UploadFile | str | None, fields: dict[str, str], blobs: Blobs) -> Incoming:
    if file is None or file == "":
        raise missing("file")
    source = io.BytesIO(_decoded(file)) if isinstance(file, str) else file.file
    if source.seek(0, io.SEEK_END) > _LARGEST:
        raise ImageKitError("Your file is larger than what is allowed on your plan.")
    source.seek(0)
    part = await to_thread(blobs.take, source)
    return Incoming(fields, part, await to_thread(facts_of, part, fields.get("fileName", "")))


def _decoded(text: str) -> bytes:
    """A file sent as base64, or as a data URI. URLs are not fetched: the sandbox calls nobody but the shop."""
    if text.startswith(("http://", "https://")):
        raise ImageKitError("The sandbox fetches no files: send the bytes.")
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ImageKitError("Your request contains invalid file parameter.") from error
