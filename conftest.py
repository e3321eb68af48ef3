"""What every test may ask for: a real PostgreSQL, fresh databases in it, and a real RabbitMQ.

The servers are private to one run of pytest and start when the first test needs them. TEST_DATABASE_URL (a superuser's
address) and AMQP_URL name servers to use instead.
"""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from souk.machines.databases import Databases, Prepare
from souk.machines.postgres import PostgresServer
from souk.machines.rabbitmq import RabbitServer

MakeDatabase = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL of our own, quick rather than durable."""
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="souk-pg-")), durable=False)
    try:
        yield server.start()
    finally:
        server.erase()


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """A superuser's address of a running PostgreSQL: the given one, else our own."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return given
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url()


@pytest_asyncio.fixture(scope="session")
async def databases(postgres_url: str) -> AsyncIterator[Databases]:
    """Makes databases, which live until the end of the run unless they are dropped. Most tests want `make_database`."""
    made = Databases(postgres_url)
    yield made
    await made.drop_all()


@pytest_asyncio.fixture
async def make_database(databases: Databases) -> AsyncIterator[MakeDatabase]:
    """`await make_database("orders", template="orders", prepare=migrate)`: the url of a database for this test."""
    urls: list[str] = []

    async def make(name: str = "test", *, template: str | None = None, prepare: Prepare | None = None) -> str:
        urls.append(await databases.create(name, template=template, prepare=prepare))
        return urls[-1]

    yield make
    for url in urls:
        await databases.drop(url)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitServer]:
    """A running RabbitMQ with its management API."""
    server = RabbitServer(Path(tempfile.mkdtemp(prefix="souk-mq-")))
    try:
        yield server.start()
    finally:
        server.erase()


@pytest.fixture(scope="module")
def amqp_url(rabbitmq: RabbitServer) -> Iterator[str]:
    """The address of a virtual host for this test module alone."""
    name = f"test-{secrets.token_hex(5)}"
    yield rabbitmq.add_vhost(name)
    rabbitmq.drop_vhost(name)
