"""The services' databases on a local PostgreSQL: made if missing, migrated to this release."""

import asyncio
from collections.abc import Sequence

import asyncpg

from common.db import plain_dsn
from common.migrations import migrate
from souk.home import SERVICES
from souk.machines.postgres import PostgresServer
from souk.services import MIGRATIONS


async def prepare_databases(server: PostgresServer, services: Sequence[str] = SERVICES) -> None:
    """Make the services' databases where they are missing and migrate them."""
    connection = await asyncpg.connect(plain_dsn(server.url()))
    try:
        there = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for service in services:
            if f"souk_{service}" not in there:
                await connection.execute(f'CREATE DATABASE "souk_{service}"')
    finally:
        await connection.close()
    for service in services:  # one after the other: alembic keeps its context in the module
        await migrate(server.url(f"souk_{service}"), MIGRATIONS[service])


def prepare(server: PostgresServer, services: Sequence[str] = SERVICES) -> None:
    """Do the same from where no loop runs."""
    asyncio.run(prepare_databases(server, services))
