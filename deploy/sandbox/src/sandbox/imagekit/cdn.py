"""The CDN: files as they are or transformed, private ones by signed URLs only (imagekit.io/docs/media-delivery)."""

import asyncio
import hmac
import re
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, unquote

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from sandbox.imagekit.account import Account
from sandbox.imagekit.books import ACCOUNT, NAME, Books
from sandbox.imagekit.performing import Performer
from sandbox.imagekit.rendering import rendered
from sandbox.imagekit.signature import NEVER, sha1
from sandbox.imagekit.transformations import TransformationError, only_named, parse
from sandbox.provider import JsonObject

_PROOF: Final = re.compile(r"(?:ik-t|ik-s)=[^&]*")
_ACTIVE: Final = ("text/", "application/xml", "application/javascript", "image/svg")
_BROKEN: Final = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, RuntimeError)


@dataclass(frozen=True)
class Asked:
    """A URL taken apart: what of it was signed, by whom, and what it wants."""

    signed: str
    expires: str
    signature: str | None
    path: str
    transformation: str
    attachment: bool


class Cdn:
    """The endpoint of `http://…/imagekit/cdn/souk`, the account's URL endpoint."""

    def __init__(self, account: Account, performer: Performer) -> None:
        self._account = account
        self._performer = performer
        self._one_at_a_time = asyncio.Semaphore(1)

    async def serve(self, request: Request) -> Response:
        """One file."""
        return await self._performer.perform("cdn", lambda: self._served(request))

    async def _served(self, request: Request) -> Response:
        asked = _asked(request)
        with self._account.store.transaction() as db:
            books = Books(db, self._account.world)
            file = books.at(asked.path)
            blob = "" if file is None else books.blob("file", file["fileId"])
        if file is None or not file["isPublished"] or request.path_params["account"] != ACCOUNT:
            return _refused(404, "Not Found", "ENOENT - No file was found at the specified path")
        if not self._open_to(asked, file):
            return _refused(401, "Unauthorised", "EUNAUTHORISED - The signature is missing, wrong or expired")
        path = self._account.blobs.path(blob)
        headers = _headers(asked, file)
        if not asked.transformation or asked.transformation == "orig-true":
            return FileResponse(path, headers=headers, media_type=file["mime"])
        try:
            steps = parse(asked.transformation)
            async with self._one_at_a_time:
                accept = request.headers.get("accept", "")
                body, mime = await asyncio.to_thread(rendered, path, file["mime"], steps, accept)
        except TransformationError as error:
            return _refused(400, "Bad Request", f"EINVALIDTRANSFORMATION - {error}")
        except _BROKEN:
            return _refused(400, "Bad Request", "EINVALIDIMAGE - The image cannot be read")
        return Response(body, headers=headers, media_type=mime)

    def _open_to(self, asked: Asked, file: JsonObject) -> bool:
        """Whether a URL may have this file. A signature that is there must be right, even of a public file."""
        if asked.signature is None:
            return not file["isPrivateFile"] or only_named(asked.transformation)
        if not asked.expires.isdecimal() or not asked.expires.isascii() or int(asked.expires) < time.time():
            return False
        proof = sha1(f"{asked.signed}{asked.expires}", self._account.keys.private)
        return hmac.compare_digest(proof.encode(), asked.signature.encode())


def _asked(request: Request) -> Asked:
    """The URL taken apart, as it was sent: what is percent-encoded was signed percent-encoded."""
    raw = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    account = request.path_params["account"]
    below = raw.decode("latin-1").partition("?")[0].partition(f"/{NAME}/cdn/{quote(account)}/")[2]
    query = request.url.query
    kept = "&".join(part for part in query.split("&") if part and not _PROOF.fullmatch(part))
    said = {name: values[-1] for name, values in parse_qs(query).items()}
    head, _, rest = below.partition("/")
    in_path = head.startswith("tr:")
    return Asked(
        signed=f"{below}?{kept}" if kept else below,
        expires=said.get("ik-t", str(NEVER)),
        signature=said.get("ik-s"),
        path="/" + unquote(rest if in_path else below).lstrip("/"),
        transformation=head.removeprefix("tr:") if in_path else _raw_value(kept, "tr"),
        attachment=said.get("ik-attachment") == "true",
    )


def _raw_value(query: str, wanted: str) -> str:
    """A parameter's value as it was sent; commas inside a text are percent-encoded, and must stay so."""
    pairs = (part.partition("=") for part in query.split("&"))
    return next((value for name, _, value in pairs if name == wanted), "")


def _headers(asked: Asked, file: JsonObject) -> dict[str, str]:
    """A private file is kept by nobody but its reader, and no longer than its URL; scripts in files never run."""
    left = max(0, min(int(asked.expires) - int(time.time()), 31536000))
    shared = "private" if file["isPrivateFile"] else "public"
    headers = {
        "access-control-allow-origin": "*",
        "cache-control": f"{shared}, max-age={left}, must-revalidate",
        "x-content-type-options": "nosniff",
        "etag": f'"{file["versionInfo"]["id"]}{"" if not asked.transformation else "-t"}"',
    }
    if file["mime"].startswith(_ACTIVE):
        headers["content-security-policy"] = "sandbox; default-src 'none'"
    if asked.attachment:
        headers["content-disposition"] = f"attachment; filename*=utf-8''{quote(file['name'])}"
    return headers


def _refused(status: int, text: str, why: str) -> Response:
    return PlainTextResponse(
        text, status, {"ik-error": why.encode("ascii", "replace").decode(), "cache-control": "no-store"}
    )
