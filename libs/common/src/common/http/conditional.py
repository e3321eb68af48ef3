"""Conditional requests (RFC 9110, section 13): the unchanged is not sent again, the changed is not overwritten."""

import hashlib
import re
from typing import Annotated, Final

from fastapi import Depends, Header, Request
from fastapi.responses import Response

from common.errors import PreconditionFailed, raises

_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_VERSION: Final = re.compile(r"v(\d{1,9})\.[0-9a-f]+")


def tag(content: bytes, version: int | None = None) -> str:
    """Return an entity tag for what is sent, which names the version of the thing where there is one."""
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return f'"{digest}"' if version is None else f'"v{version}.{digest}"'


def answer(request: Request, content: bytes, cache_control: str, version: int | None = None) -> Response:
    """Return JSON, or 304 for who has it already (`If-None-Match`)."""
    etag = tag(content, version)
    headers = {"ETag": etag, "Cache-Control": cache_control, "Vary": "Authorization"}
    given = request.headers.get("if-none-match")
    if given is not None and (given.strip() == "*" or etag.strip('"') in {value for _, value in _TAG.findall(given)}):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def changed(content: bytes, version: int, status: int = 200) -> Response:
    """Return JSON of what has just been made or changed, with the tag to change it further."""
    headers = {"ETag": tag(content, version), "Cache-Control": "private, no-store"}
    return Response(content, status, media_type="application/json", headers=headers)


class Precondition:
    """Which versions may be changed (`If-Match`): None where the client does not mind."""

    def __init__(self, versions: frozenset[int] | None) -> None:
        self._versions = versions

    def check(self, version: int) -> None:
        """Raise PreconditionFailed unless this version is one of them."""
        if self._versions is not None and version not in self._versions:
            raise PreconditionFailed


_Header = Annotated[
    str | None, Header(alias="If-Match", description="Change it only if it is still as this ETag says.")
]


@raises(PreconditionFailed)
async def _precondition(request: Request, _: _Header = None) -> Precondition:
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return Precondition(None)
    # A weak tag never matches here (RFC 9110, 13.1.1). What else a tag stands for, such as the stock, may change under
    # a reader who only means to change what has versions.
    strong = [_VERSION.fullmatch(value) for weak, value in _TAG.findall(given) if not weak]
    return Precondition(frozenset(int(found[1]) for found in strong if found))


IfMatch = Annotated[Precondition, Depends(_precondition)]
