"""The development gateway's hands: a request goes to a service on another port, the answer streams back."""

from collections.abc import AsyncIterator, Iterator
from itertools import cycle

import httpx2
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from common.draining import DRAINING
from souk.gateway.answers import unavailable

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"})
_FORGED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip"})


class Proxy:
    """Hands a request to a service on another port, as it is, and streams the answer back.

    Several processes of a service take turns; one that cannot be reached, or is about to stop, has done nothing, and
    the next is asked.
    """

    def __init__(self, client: httpx2.AsyncClient, *base_urls: str) -> None:
        self._client = client
        self._base_urls = cycle([base_url.rstrip("/") for base_url in base_urls])
        self._tries = len(base_urls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await self._ask(request, await request.body())
        await (unavailable if answer is None else _stream(answer))(scope, receive, send)

    async def _ask(self, request: Request, body: bytes) -> httpx2.Response | None:
        path = request.scope["raw_path"].decode()
        if request.scope["query_string"]:
            path += f"?{request.scope['query_string'].decode()}"
        headers = [*_headers(request)]
        for left in reversed(range(self._tries)):
            outgoing = self._client.build_request(
                request.method, f"{next(self._base_urls)}{path}", headers=headers, content=body
            )
            try:
                answer = await self._client.send(outgoing, stream=True)
            except httpx2.ConnectError:
                continue
            except httpx2.TransportError:
                return None
            if DRAINING not in answer.headers or not left:
                return answer
            await answer.aclose()
        return None


def _headers(request: Request) -> Iterator[tuple[str, str]]:
    yield from ((name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP | _FORGED)
    if request.client:
        yield "x-forwarded-for", request.client.host
    yield "x-forwarded-proto", request.url.scheme


def _stream(answer: httpx2.Response) -> Response:
    async def body() -> AsyncIterator[bytes]:
        try:
            async for chunk in answer.aiter_raw():
                yield chunk
        finally:
            await answer.aclose()

    response = StreamingResponse(body(), answer.status_code)
    response.raw_headers = [
        (name.lower(), value) for name, value in answer.headers.raw if name.lower().decode() not in _HOP_BY_HOP
    ]
    return response
