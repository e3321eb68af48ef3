"""Fresh databases by the dozen: for tests, each their own, copied from a template that was migrated once."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy.engine import make_url

Prepare = Callable[[str], Awaitable[None]]


class Databases:
    """Makes and drops databases on the server of `admin_url`, an address of a superuser and an existing database."""

    def __init__(self, admin_url: str) -> None:
        self._admin = make_url(admin_url).set(drivername="postgresql")
        self._templates: dict[str, str] = {}
        self._lock = asyncio.Lock()
        self._made: list[str] = []

    async def create(self, name: str = "test", *, template: str | None = None, prepare: Prepare | None = None) -> str:
        """Make a database and return its address (driver asyncpg).

        Its name begins with `name` and is new. `template` names a state, such as "orders at revision 7": the first time
        `prepare` brings an empty database into that state, later databases are quick copies of that one. `prepare` must
        have closed its connections when it returns.
        """
        source = None if template is None else await self._template(template, prepare)
        return self._url(await self._new(name, source))

    async def drop(self, url: str) -> None:
        """Drop a database that `create` made; whoever is still connected is thrown out."""
        name = make_url(url).database or ""
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made = [made for made in self._made if made != name]

    async def drop_all(self) -> None:
        """Drop everything that is left, templates too."""
        self._templates.clear()
        for name in list(self._made):
            await self.drop(self._url(name))

    async def _template(self, state: str, prepare: Prepare | None) -> str:
        async with self._lock:
            if state not in self._templates:
                name = await self._new("template", None)
                if prepare is not None:
                    await prepare(self._url(name))
                self._templates[state] = name
            return self._templates[state]

    async def _new(self, prefix: str, source: str | None) -> str:
        name = f"{prefix}_{secrets.token_hex(5)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{source or "template0"}" STRATEGY FILE_COPY')
        self._made.append(name)
        return name

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._admin.render_as_string(hide_password=False))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _url(self, database: str) -> str:
        url = self._admin.set(drivername="postgresql+asyncpg", database=database)
        return url.render_as_string(hide_password=False)
