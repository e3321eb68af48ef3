"""One deed under the rules of the chaos dial, and the HTTP of its answer."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.responses import FileResponse, Response

from sandbox import mishaps
from sandbox.chaos import Chaos
from sandbox.imagekit.books import NAME, fresh_id
from sandbox.imagekit.errors import Answer, trouble
from sandbox.provider import JsonObject

Deed = Callable[[], Awaitable[Response]]
_JSON: Final = "application/json"


class Performer:
    """Does what it is told, or not, as the dial says."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos

    async def perform(self, name: str, deed: Deed) -> Response:
        """Do a deed under its name and answer it."""
        hit = self._chaos.first(NAME, "api", name)
        if hit is not None and hit.rule.mode == "hang":
            return mishaps.silence(hit)
        if hit is not None and hit.rule.mode == "error":
            return as_json(trouble(hit.rule.status or 500).answer())
        await mishaps.pause(hit)
        good = await deed()
        if hit is not None and isinstance(good, FileResponse):
            good = _whole(good)
        return mishaps.afterwards(
            hit,
            good,
            lambda variant: _lied(good, variant),
            lambda status: as_json(trouble(status).answer()),
        )


def as_json(answer: Answer) -> Response:
    """HTTP as the API speaks it; browsers of any origin may read it."""
    headers = {"access-control-allow-origin": "*", "x-ik-requestid": fresh_id()}
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return Response(json.dumps(answer.body).encode(), answer.status, headers, _JSON)


def _whole(file: FileResponse) -> Response:
    headers = {name: value for name, value in file.headers.items() if name != "content-length"}
    return Response(Path(file.path).read_bytes(), file.status_code, headers)


def _lied(good: Response, variant: str) -> Response:
    """An answer that is false: a file of another size, type or place, or bytes that are not the file's."""
    body = bytes(good.body)
    if good.media_type != _JSON:
        headers = {name: value for name, value in good.headers.items() if name != "content-length"}
        return Response(body + b"\0", good.status_code, headers)
    said = json.loads(body)
    lie = [_lie(thing, variant) for thing in said] if isinstance(said, list) else _lie(said, variant)
    return as_json(Answer(good.status_code, lie))


def _lie(thing: JsonObject, variant: str) -> JsonObject:
    lie = dict(thing)
    if variant in {"all", "amount"} and "size" in lie:
        lie["size"] += 1
    if variant in {"all", "metadata"}:
        lie |= {"mime": "image/x-other"} if "mime" in lie else {}
        lie |= {"filePath": f"/other{lie['filePath']}"} if "filePath" in lie else {}
    return lie
