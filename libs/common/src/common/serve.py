"""Running services in a process: one public listener, one internal listener, and a stop that loses nothing."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import structlog
import uvicorn
import uvloop
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from common.broker import TopologyMismatch
from common.draining import Leaving
from common.http.connection import KEEP_ALIVE, Connection, watch
from common.http.frame import Frame
from common.http.refusals import Refusals
from common.migrations import migrate
from common.service import Service
from common.settings import BadSetting, ServiceSettings
from common.telemetry import log_as_json
from common.vitals import details, show

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: the process has one handler for all it runs."""
        yield


def internal_app(services: Sequence[Service]) -> Starlette:
    """Return the app of the internal port: `/{service}/health/live`, `/ready` and `/metrics`."""
    by_name = {service.name: service for service in services}

    def find(request: Request) -> Service | None:
        return by_name.get(request.path_params["service"])

    async def live(request: Request) -> Response:
        if (service := find(request)) is None:
            return JSONResponse({}, 404)
        dead = service.dead()
        return JSONResponse({"status": "dead" if dead else "ok", "problems": dead}, 503 if dead else 200)

    async def ready(request: Request) -> Response:
        if (service := find(request)) is None:
            return JSONResponse({}, 404)
        problems = service.problems()
        said = {"status": "unavailable" if problems else "ok", "problems": problems, **details(service)}
        return JSONResponse(said, 503 if problems else 200)

    async def metrics(request: Request) -> Response:
        if (service := find(request)) is None:
            return JSONResponse({}, 404)
        return Response(generate_latest(service.metrics.registry), media_type="text/plain; version=0.0.4")

    return Starlette(
        routes=[
            Route("/{service}/health/live", live),
            Route("/{service}/health/ready", ready),
            Route("/{service}/metrics", metrics),
        ]
    )


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int, refusals: Refusals | None = None) -> AsyncIterator[None]:
    """Listen while the block runs; then stop taking connections and finish the requests in hand."""
    protocol = partial(Connection, refusals=refusals or Refusals())
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=15,
        timeout_keep_alive=KEEP_ALIVE,
        loop="none",
        http=protocol,  # type: ignore[arg-type] # it is called, and nothing else
        ws="none",
        proxy_headers=False,  # whom to believe is a setting of ours
    )
    server = _Server(config)
    with _bind(host, port) as bound:
        task = asyncio.create_task(server.serve(sockets=[bound]))
        watching = asyncio.create_task(watch(server))
        while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True
            await task
            watching.cancel()


def _bind(host: str, port: int) -> socket.socket:
    # Uvicorn would end the process without a sentence.
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        message = f"PORT {port} on {host} cannot be used: {error.strerror or error}. Is something else listening there?"
        raise BadSetting(message) from error
    return bound


@asynccontextmanager
async def serving(services: Sequence[Service], app: ASGIApp, settings: ServiceSettings) -> AsyncIterator[None]:
    """Serve while the block runs; then readiness goes, consuming stops, work in hand ends, requests drain."""
    frame = Frame(origins=settings.cors_origins, https_only=settings.https_only)
    refusals = Refusals(frame, services[0].metrics.refused)
    door = Leaving(app, settings.drain, refusals)
    internal_port = settings.internal_port if settings.internal_port is not None else settings.port + 1
    async with AsyncExitStack() as stack:
        for service in services:
            show(service)
            stack.push_async_callback(service.close)
        await stack.enter_async_context(listening(internal_app(services), settings.internal_host, internal_port))
        if settings.role != "worker":
            await stack.enter_async_context(listening(door, settings.host, settings.port, refusals))
            stack.push_async_callback(door.noticed)
        for service in services:
            await stack.enter_async_context(service.running())
        _settle()
        log.info("started", services=[service.name for service in services], role=settings.role)
        try:
            yield
        finally:
            log.info("stopping")
            door.close()
            for service in services:
                service.leave()


def _settle() -> None:
    # What the start has made stays; walking its 180,000 objects again would stop everything for a tenth of a second.
    gc.collect()
    gc.freeze()


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set, from now on and instead of what they did before."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def serve(service: Service) -> None:
    """Run one service until it is told to stop."""
    stop = stop_signal()
    async with serving([service], service.app, service.settings):
        await stop.wait()


def main(build: Callable[[Mapping[str, str]], Service], migrations: Path, environ: Mapping[str, str]) -> None:
    """Be a service's process: `main(build, MIGRATIONS, os.environ)`; with the argument `migrate`, its database's.

    A bad setting ends it with a sentence and exit code 1.
    """
    try:
        service = build(environ)
        log_as_json(service.settings.log_level)
        work = migrate(service.database.dsn, migrations) if sys.argv[1:] == ["migrate"] else None
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work or serve(service))
    except (BadSetting, TopologyMismatch) as error:
        sys.exit(str(error))
