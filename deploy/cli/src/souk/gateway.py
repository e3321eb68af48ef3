"""The development gateway: one route table, answered inside the process or handed to a service's own port."""

import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ROUTES = Path(__file__).parents[3] / "gateway" / "routes.toml"
_ALWAYS_SHOWN = ("/api/v1/health", "/api/v1/auth/jwks", "/sandbox")
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"})


def _problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    code = title.lower().replace(" ", "_")
    problem = {"type": f"urn:souk:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    return JSONResponse(problem, status, headers, media_type="application/problem+json")


# A finished answer is an app that gives it to everybody.
_SOON = {"Retry-After": "1"}
_nothing_here = _problem(404, "Not found", "There is nothing at this path.")
_not_open_yet = _problem(503, "Starting", "The shop opens in a moment.", _SOON)
_unavailable = _problem(503, "Unavailable", "The service cannot answer just now: try again shortly.", _SOON)


class RouteTable:
    """Which service answers which path."""

    def __init__(self, file: Path = ROUTES) -> None:
        rows = tomllib.loads(file.read_text())["route"]
        self._routes: Sequence[tuple[list[str], str]] = [(row["path"].split("/"), row["service"]) for row in rows]

    def service(self, path: str) -> str | None:
        """Return the service of a path, or None."""
        parts = path.split("/")
        for pattern, service in self._routes:
            here = parts[: len(pattern)]
            if len(here) == len(pattern) and all(want in {"*", got} for want, got in zip(pattern, here, strict=True)):
                return service
        return None


class Dispatcher:
    """Gives each request to the app of its path; `mounts` are prefixes served beside the services."""

    def __init__(self, services: Mapping[str, ASGIApp], mounts: Mapping[str, ASGIApp]) -> None:
        self._table, self._services, self._mounts = RouteTable(), services, mounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await self._find(scope["path"])(scope, receive, send)

    def _find(self, path: str) -> ASGIApp:
        for prefix, app in self._mounts.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return app
        return self._services.get(self._table.service(path) or "", _nothing_here)


class Gate:
    """Closed until the shop is furnished: who comes earlier is asked to come again. Health and keys are open."""

    def __init__(self, inside: ASGIApp) -> None:
        self.inside, self.open = inside, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        welcome = self.open or scope["type"] != "http" or scope["path"].startswith(_ALWAYS_SHOWN)
        await (self.inside if welcome else _not_open_yet)(scope, receive, send)


class Proxy:
    """Hands a request to a service on another port, as it is, and streams the answer back.

    Several processes of a service take turns.
    """

    def __init__(self, client: httpx2.AsyncClient, *base_urls: str) -> None:
        self._client = client
        self._base_urls = cycle([base_url.rstrip("/") for base_url in base_urls])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        url = f"{next(self._base_urls)}{scope['raw_path'].decode()}"
        if scope["query_string"]:
            url += f"?{scope['query_string'].decode()}"
        headers = [(name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP]
        outgoing = self._client.build_request(request.method, url, headers=headers, content=await request.body())
        try:
            answer = await self._client.send(outgoing, stream=True)
        except httpx2.TransportError:
            await _unavailable(scope, receive, send)
        else:
            await _stream(answer)(scope, receive, send)


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
