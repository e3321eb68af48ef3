"""A service database with only the machinery in it, and the tools that hurt connections."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import asyncpg
import httpx2
import pytest
import pytest_asyncio
import structlog
from sqlalchemy import make_url

from common import faults
from common.auth import Keyring
from common.db import Database, fetch, open_database, plain_dsn
from common.events import new_id
from common.http import create_app
from common.http.frame import Frame
from common.migrations import machinery_tables
from common.telemetry import Metrics
from common.testing import bearer, signing_key
from common.wakeups import Waker

from .rabbits import Rabbit

OpenDatabase = Callable[..., Awaitable[Database]]


async def make_machinery(url: str) -> None:
    """Lay out the machinery's tables, each in one partition for quickness, and one table for effects."""
    connection = await asyncpg.connect(plain_dsn(url))
    try:
        for statement in machinery_tables():
            if "FOR VALUES" not in statement:
                await connection.execute(statement)
        await connection.execute("CREATE TABLE effects (event_subject uuid, amount int)")
    finally:
        await connection.close()


@pytest_asyncio.fixture
async def machinery_url(make_database: Callable[..., Awaitable[str]]) -> str:
    """The address of a fresh database with the machinery."""
    return await make_database("test", template="machinery", prepare=make_machinery)


@pytest_asyncio.fixture
async def open_service_database(make_database: Callable[..., Awaitable[str]]) -> AsyncIterator[OpenDatabase]:
    """`await open_service_database("listener")`: a fresh database with the machinery, or another opening of `url`."""
    opened: list[Database] = []

    async def make(service: str, *, url: str | None = None, waker: Waker | None = None) -> Database:
        url = url or await make_database(service, template="machinery", prepare=make_machinery)
        opened.append(open_database(url, service, waker=waker))
        return opened[-1]

    yield make
    for database in opened:
        await database.close()


@pytest.fixture(scope="session", autouse=True)
def plain_logs():
    """Log lines without painted tracebacks, which take seconds each."""
    structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])
    yield
    structlog.reset_defaults()


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of a service nobody knows."""
    return Metrics("test")


@pytest_asyncio.fixture(scope="module")
async def shared_database(databases) -> AsyncIterator[Database]:
    """One database for all tests of a module that do not count what is in it."""
    url = await databases.create("shared", template="machinery", prepare=make_machinery)
    database = open_database(url, "shared")
    database.engine.pool._timeout = 0.3
    yield database
    await database.close()
    await databases.drop(url)


@pytest.fixture
def ask():
    """`await ask(database, sql, *args)`: the rows of a query, in a transaction of its own."""

    async def run(database: Database, sql: str, *args: object) -> list[asyncpg.Record]:
        async with database.transaction() as session:
            return await fetch(session, sql, *args)

    return run


@pytest.fixture
def eventually():
    """`await eventually(check)`: wait until a check, async or not, says yes, and return what it says."""

    async def wait(check, seconds: float = 15) -> object:
        async with asyncio.timeout(seconds):
            while True:
                found = check()
                found = await found if inspect.isawaitable(found) else found
                if found:
                    return found
                await asyncio.sleep(0.02)

    return wait


@pytest_asyncio.fixture
async def background():
    """`background(coroutine)`: run it beside the test, and cancel it afterwards."""
    tasks: list[asyncio.Task] = []

    def start(work) -> asyncio.Task:
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def arm():
    """`arm("relay.confirmed:raise")`: set fault points for this test."""
    yield faults.arm
    faults.arm("")


@pytest.fixture
def captured_logs():
    """The structured log lines of the test."""
    with structlog.testing.capture_logs() as lines:
        yield lines


class Proxy:
    """A TCP proxy that can cut its connections, or hold what flows down them."""

    def __init__(self, url: str) -> None:
        parts = make_url(url)
        self._url, self._target = parts, (parts.host, parts.port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()

    @property
    def url(self) -> str:
        """The target's address, through the proxy."""
        assert self._server
        return self._url.set(port=self._server.sockets[0].getsockname()[1]).render_as_string(hide_password=False)

    async def start(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1")
        return self

    def cut(self) -> None:
        """Break every connection, as a lost network does."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        down_reader, up_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, up_writer}
        with suppress(OSError):
            await asyncio.gather(self._pump(reader, up_writer), self._pump(down_reader, writer, hold=True))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, hold: bool = False) -> None:
        try:
            while data := await reader.read(65536):
                if hold:
                    await self.flowing.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@pytest_asyncio.fixture
async def through_proxy():
    """`await through_proxy(url)`: a proxy before a server, to cut or to hold."""
    made: list[Proxy] = []

    async def make(url: str) -> Proxy:
        made.append(await Proxy(url).start())
        return made[-1]

    yield make
    for proxy in made:
        proxy.flowing.set()
        await proxy.stop()


@pytest_asyncio.fixture
async def rabbit(amqp_url, rabbitmq, through_proxy):
    """A queue on the module's own virtual host."""
    made = Rabbit(amqp_url, rabbitmq.management, through_proxy)
    await made.declare()
    yield made
    for wire in made.wires:
        await wire.close()


CUSTOMER, NEIGHBOUR = new_id(), new_id()


@pytest.fixture
def customer():
    """The headers of a signed-in customer."""
    return bearer(CUSTOMER)


@pytest.fixture
def neighbour():
    """The headers of another customer."""
    return bearer(NEIGHBOUR)


@pytest_asyncio.fixture
async def serve_routes(metrics):
    """`serve_routes(database, router)`: an HTTP client of an application with these routes."""
    clients: list[httpx2.AsyncClient] = []

    def start(
        database: Database | None, *routers, frame: Frame | None = None, peer: str = "127.0.0.1", **state: object
    ) -> httpx2.AsyncClient:
        keyring = Keyring()
        keyring.replace({"keys": [signing_key()]})
        found = {"database": database, "keyring": keyring, **state}
        app = create_app("test", routers, metrics, state=found, frame=frame)
        transport = httpx2.ASGITransport(app, client=(peer, 40000))
        clients.append(httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1"))
        return clients[-1]

    yield start
    for client in clients:
        await client.aclose()
