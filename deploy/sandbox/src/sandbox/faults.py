"""HTTP answers that go wrong on the wire: silence, a cut, a truncated body, another server's error page."""

import asyncio
import contextlib
import socket
import struct
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

_DEPTH = 8  # how many wrappers of middleware are looked through for the connection


class CutConnectionError(Exception):
    """Raised when the server is to close a half-sent answer."""


class Silence(Response):
    """Say nothing for `seconds`, then cut the connection. Ends early when the client gives up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        await Reset()(scope, receive, send)


class Reset(Response):
    """Cut the connection (TCP RST) before a byte of the answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = _transport_behind(send, _DEPTH)
        if transport is None:
            # Not the server we know: the nearest thing is an answer that stops short.
            await Truncated(b"{")(scope, receive, send)
            return
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        # The server learns of the loss on its next turns; returning before would make it log a missing answer.
        for _ in range(3):
            await asyncio.sleep(0)


class Truncated(Response):
    """Promise the whole body, send half of it, and cut."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._whole = body

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self._whole) + 1).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        half = self._whole[: max(1, len(self._whole) // 2)]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(0.01)
        transport = _transport_behind(send, _DEPTH)
        if transport is None:
            raise CutConnectionError
        transport.close()
        for _ in range(3):
            await asyncio.sleep(0)


def bad_gateway() -> Response:
    """The page of a proxy in front of the provider, not JSON at all."""
    page = (
        "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
    )
    return HTMLResponse(page, status_code=502)


def _transport_behind(thing: object, depth: int) -> Any:  # noqa: ANN401 - whatever transport the server uses
    """The connection's transport, looked for through bound methods and the closures of middleware."""
    owner = getattr(thing, "__self__", None)
    transport = getattr(owner, "transport", None)
    if transport is not None and hasattr(transport, "abort"):
        return transport
    if depth == 0:
        return None
    for cell in getattr(thing, "__closure__", None) or ():
        with contextlib.suppress(ValueError):
            if callable(cell.cell_contents) and (found := _transport_behind(cell.cell_contents, depth - 1)):
                return found
    return None
