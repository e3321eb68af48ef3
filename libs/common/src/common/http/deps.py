"""What routes ask for: a transaction committed before the answer leaves, or a session for reading."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import Database


def database_of(request: Request) -> Database:
    """Return the service's database."""
    database: Database = request.app.state.database
    return database


# FastAPI runs a dependency that is not async in a thread.
async def _database(request: Request) -> Database:
    return database_of(request)


Db = Annotated[Database, Depends(_database)]


async def _transaction(request: Request, database: Db) -> AsyncIterator[AsyncSession]:
    async with database.transaction() as session:
        request.scope["souk.session"] = session
        yield session


async def _reading(database: Db) -> AsyncIterator[AsyncSession]:
    async with database.reading() as session:
        yield session


# FastAPI otherwise runs the code after `yield` once the answer has left, and a failed commit is a 200.
Tx = Annotated[AsyncSession, Depends(_transaction, scope="function")]
Reading = Annotated[AsyncSession, Depends(_reading, scope="function")]
