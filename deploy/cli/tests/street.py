"""A real Envoy before services that only say what they were asked, each of which can be told to misbehave."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from common.draining import Draining
from common.http.problems import answer
from common.serve import listening
from common.testing import signing_key
from souk.gateway.envoy import Site, Upstream, render
from souk.gateway.table import RouteTable
from souk.home import SERVICES
from souk.machines.envoy import EnvoyServer
from souk.machines.ports import free_port

TABLE = RouteTable.read()


@dataclass
class StandIn:
    """One process of a service: its ports, whether it says that it is ready, what it does instead of answering."""

    service: str
    port: int = field(default_factory=free_port)
    internal_port: int = field(default_factory=free_port)
    ready: bool = True
    does: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def upstream(self) -> Upstream:
        """How the gateway finds it."""
        return Upstream("127.0.0.1", self.port, self.internal_port)

    async def public(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say what was asked, or do what it was told to."""
        request = Request(scope, receive)
        body = await request.body()
        self.asked[f"{request.method} {request.url.path}"] += 1
        if self.does == "slow":
            await asyncio.sleep(1.5)
        await self._answer(request, body)(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> ASGIApp:
        if request.url.path == "/api/v1/auth/jwks":
            return JSONResponse({"keys": [signing_key()]})
        if self.does == "draining":
            return answer(Draining())
        if self.does.isdigit():
            return Response(b"{}", int(self.does), media_type="application/problem+json")
        if request.url.path.endswith("/events"):
            return StreamingResponse(self._events(), media_type="text/event-stream")
        seen = {"service": self.service, "port": self.port, "path": request.url.path, "size": len(body)}
        return JSONResponse(seen | {"headers": dict(request.headers), "query": request.url.query})

    async def _events(self) -> AsyncIterator[bytes]:
        yield b"data: first\n\n"
        await self.go_on.wait()
        yield b"data: second\n\n"

    async def internal(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say whether it is ready."""
        here = scope["path"] == f"/{self.service}/health/ready"
        await PlainTextResponse("", (200 if self.ready else 503) if here else 404)(scope, receive, send)


async def _all_of(reader: asyncio.StreamReader) -> str:
    found = ""
    with suppress(ConnectionResetError):
        while chunk := await reader.read(65_536):
            found += chunk.decode()
            head, _, body = found.partition("\r\n\r\n")
            if f"content-length: {len(body)}\r\n" in f"{head.lower()}\r\n":
                break
    return found


@asynccontextmanager
async def all_listening(apps: Mapping[int, ASGIApp]) -> AsyncIterator[None]:
    """Serve each app at its port while the block runs; all begin and end at the same time."""
    stop, ready = asyncio.Event(), asyncio.Barrier(len(apps) + 1)

    async def serve(port: int, app: ASGIApp) -> None:
        async with listening(asgi(app), "127.0.0.1", port):
            await ready.wait()
            await stop.wait()

    async with asyncio.TaskGroup() as group:
        for port, app in apps.items():
            group.create_task(serve(port, app))
        await ready.wait()
        try:
            yield
        finally:
            stop.set()


def asgi(app: ASGIApp) -> ASGIApp:
    """Return a method as a function, which is how uvicorn knows what it has."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return called


class Street:
    """All services, one process each, orders two, and an Envoy."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.units = [StandIn(name) for name in (*SERVICES, "orders")]
        self.http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

    def of(self, service: str) -> list[StandIn]:
        """Return the processes of a service."""
        return [unit for unit in self.units if unit.service == service]

    @property
    def orders(self) -> list[StandIn]:
        """The two processes of orders."""
        return self.of("orders")

    @property
    def log(self) -> str:
        """What Envoy has logged."""
        return (self.folder / "envoy.log").read_text()

    @asynccontextmanager
    async def open(self, table: RouteTable = TABLE, absent: str = "", **changes: Any) -> AsyncIterator["Street"]:
        """Run everything while the block runs; whoever is `absent` has no port."""
        upstreams = {name: [unit.upstream for unit in self.of(name)] for name in SERVICES}
        given = {"limited": False, "health_every": 0.2, "upstreams": upstreams, "port": self.port, **changes}

        def configure(admin_port: int) -> str:
            return render(table, Site(**given, admin_port=admin_port))

        envoy = EnvoyServer(self.folder, self.folder / "envoy.log", configure)
        apps: dict[int, ASGIApp] = {unit.internal_port: unit.internal for unit in self.units}
        apps |= {unit.port: unit.public for unit in self.units if unit.service != absent}
        async with all_listening(apps):
            try:
                await asyncio.to_thread(envoy.start)
                yield self
            finally:
                await asyncio.to_thread(envoy.stop)
                await self.http.aclose()

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Make a request under `/api/v1`."""
        return await self.http.request(method, f"/api/v1{path}", **options)

    async def raw(self, *pieces: bytes, pause: float = 0) -> str:
        """Send bytes as they are, and return all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = asyncio.create_task(_all_of(reader))
        try:
            for piece in pieces:
                if not answer.done():
                    writer.write(piece)
                await asyncio.sleep(pause)
            return await asyncio.wait_for(answer, 10)
        finally:
            writer.close()

    def behaving(self) -> Iterator[None]:
        """Let everybody behave."""
        for unit in self.units:
            unit.does, unit.ready = "", True
            unit.asked.clear()
            unit.go_on.clear()
        yield None
