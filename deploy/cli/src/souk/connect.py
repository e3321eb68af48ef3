"""Finding the databases of a system: named by the environment, or those of the local system, running or not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sqlalchemy import make_url

from common.db import Database, open_database
from souk.home import SERVICES, Home
from souk.machines.postgres import PostgresServer


@asynccontextmanager
async def database_urls(home: Home, given: Mapping[str, str]) -> AsyncIterator[dict[str, str]]:
    """Give each service's database URL; a local PostgreSQL that does not run is started for the while.

    OPERATOR_DATABASE_URL names them all, with `{service}` in the place of the service's name.
    """
    every = given.get("OPERATOR_DATABASE_URL", "")
    named = {name: given.get(f"DATABASE_URL_{name.upper()}") or every.replace("{service}", name) for name in SERVICES}
    if all(named.values()):
        yield named
    elif port := _running_port(home):
        password = (home.postgres / "password").read_text().strip()
        yield {name: f"postgresql+asyncpg://postgres:{password}@127.0.0.1:{port}/souk_{name}" for name in SERVICES}
    else:
        server = PostgresServer(home.postgres)
        await asyncio.to_thread(server.start)
        try:
            yield {name: server.url(f"souk_{name}") for name in SERVICES}
        finally:
            await asyncio.to_thread(server.stop)


@asynccontextmanager
async def open_databases(home: Home, given: Mapping[str, str]) -> AsyncIterator[dict[str, Database]]:
    """Give each service's database, opened for an operator."""
    async with database_urls(home, given) as urls:
        driven = {name: make_url(url).set(drivername="postgresql+asyncpg") for name, url in urls.items()}
        whole = {name: url.render_as_string(hide_password=False) for name, url in driven.items()}
        opened = {
            name: open_database(url, name, pool_size=2, application="souk-operator") for name, url in whole.items()
        }
        try:
            yield opened
        finally:
            for database in opened.values():
                await database.close()


def _running_port(home: Home) -> int | None:
    remembered = home.postgres / "port"
    if not (remembered.exists() and (home.postgres / "password").exists()):
        return None
    port = int(remembered.read_text())
    with socket.socket() as probe:
        probe.settimeout(1)
        return port if probe.connect_ex(("127.0.0.1", port)) == 0 else None
