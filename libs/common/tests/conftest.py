"""A service database with only the machinery in it, and a service made of nothing but handlers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from common.db import Database, open_database, plain_dsn
from common.events import Event
from common.migrations import machinery_tables
from common.telemetry import Metrics


class Counted(Event, wire="test.counted", subject="subject_id"):
    """Something to count."""

    subject_id: UUID
    amount: int = 1


class Told(Event, wire="test.told", subject="subject_id", heard=False):
    """Something nobody hears."""

    subject_id: UUID


async def make_machinery(url: str) -> None:
    """Lay out the machinery's tables and one table for effects."""
    connection = await asyncpg.connect(plain_dsn(url))
    try:
        for statement in machinery_tables():
            await connection.execute(statement)
        await connection.execute("CREATE TABLE effects (event_subject uuid, amount int)")
    finally:
        await connection.close()


OpenDatabase = Callable[[str], Awaitable[Database]]


@pytest_asyncio.fixture
async def open_service_database(make_database: Callable[..., Awaitable[str]]) -> AsyncIterator[OpenDatabase]:
    """`await open_service_database("listener")`: a fresh database with the machinery."""
    opened: list[Database] = []

    async def make(service: str) -> Database:
        url = await make_database(service, template="machinery", prepare=make_machinery)
        opened.append(open_database(url, service))
        return opened[-1]

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of a service nobody knows."""
    return Metrics("test")
