"""Upload API checks: what a file and its request must be like (imagekit.io/docs upload API checks)."""

from dataclasses import replace
from typing import Final

from sandbox.imagekit.errors import ImageKitError
from sandbox.imagekit.language import Kind, LanguageError, Term, Value, Word, compare, holds, parse
from sandbox.provider import JsonObject

_KINDS: Final = {
    "request.fileName": Kind.TEXT, "request.useUniqueFileName": Kind.FLAG, "request.tags": Kind.TAGS,
    "request.folder": Kind.TEXT, "request.isPrivateFile": Kind.FLAG, "request.isPublished": Kind.FLAG,
    "request.customCoordinates": Kind.TEXT, "request.webhookUrl": Kind.TEXT, "request.overwriteFile": Kind.FLAG,
    "request.overwriteAITags": Kind.FLAG, "request.overwriteTags": Kind.FLAG,
    "request.overwriteCustomMetadata": Kind.FLAG, "file.size": Kind.SIZE, "file.mime": Kind.TEXT,
    "mediaMetadata.width": Kind.NUMBER, "mediaMetadata.height": Kind.NUMBER, "mediaMetadata.duration": Kind.NUMBER,
    "mediaMetadata.bitRate": Kind.NUMBER, "mediaMetadata.videoCodec": Kind.TEXT, "mediaMetadata.audioCodec": Kind.TEXT,
}  # fmt: skip


def check(text: str, facts: JsonObject) -> None:
    """Refuse what does not pass; `facts` are the fields by name. Raises `ImageKitError`."""
    try:
        passed = holds(parse(text), lambda term: _judge(term, facts))
    except LanguageError as error:
        raise ImageKitError("Your request contains invalid syntax for the checks parameter.") from error
    if not passed:
        raise ImageKitError("The file was not uploaded because it did not pass the checks of your request.")


def _judge(term: Term, facts: JsonObject) -> bool:
    """One term. Field names must be quoted, and so must sizes with a unit."""
    kind = _KINDS.get(term.field)
    if kind is None or not term.quoted:
        raise LanguageError(f"{term.field} is no field")
    if any(isinstance(value, Word) and value[:1].isdigit() for value in term.values):
        raise LanguageError("this value needs quotes")
    if term.field != "request.folder":
        return compare(term, kind, facts.get(term.field))
    folder = str(facts[term.field]).strip("/")
    slashless = replace(term, values=tuple(_slashless(value, term.sign) for value in term.values))
    return compare(slashless, kind, f"{folder}/" if term.sign == ":" else folder)


def _slashless(value: Value, sign: str) -> Value:
    """A folder's name without the slashes around it; the one at the end of a prefix means the folder itself."""
    if not isinstance(value, str):
        return value
    return value.lstrip("/") if sign == ":" else value.strip("/")
