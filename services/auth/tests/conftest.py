"""Auth on its own, with its signing keys made, and the little things its tests say often."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio

from auth.loops import tend_keys
from auth.main import MIGRATIONS, build
from common.db import fetch
from common.migrations import migrate
from common.testing import OneService, one_service

PASSWORD = "correct horse battery"
Start = Callable[..., Awaitable["Auth"]]


class Auth(OneService):
    """The service with what only auth's tests need."""

    n = 0
    url = ""

    async def tend(self) -> None:
        await tend_keys(self.service.keyring, self.database, self.service.settings.keys)

    async def register(self, **fields: str) -> dict[str, Any]:
        self.n += 1
        body = {"name": "Ann", "email": f"ann{self.n}@example.com", "password": PASSWORD} | fields
        answer = await self.client.post("/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def log_in(self, email: str, password: str = PASSWORD, at: str = "127.0.0.1") -> httpx2.Response:
        body, headers = {"email": email, "password": password}, {"X-Forwarded-For": at}
        return await self.client.post("/auth/login", json=body, headers=headers)

    async def tokens(self, email: str) -> dict[str, Any]:
        answer = await self.log_in(email)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refresh(self, token: str) -> httpx2.Response:
        return await self.client.post("/auth/refresh", json={"refresh_token": token})

    async def admin(self) -> tuple[UUID, dict[str, str]]:
        """Make an admin and return its id and the headers of its token."""
        user = await self.register()
        await self.sql('UPDATE users SET roles = \'["admin", "customer"]\' WHERE id = $1', UUID(user["id"]))
        return UUID(user["id"]), signed_in(await self.tokens(user["email"]))

    async def sql(self, statement: str, *args: object) -> list[Any]:
        async with self.database.transaction() as session:
            return await fetch(session, statement, *args)


def signed_in(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def _migrate(url: str) -> None:
    await migrate(url, MIGRATIONS)


@pytest_asyncio.fixture
async def start(make_database) -> AsyncIterator[Start]:
    """`await start(REFRESH_GRACE="0s")`: the service with other settings; `beside` another, on its database."""
    started: list[Auth] = []

    async def begin(beside: Auth | None = None, **environ: str) -> Auth:
        url = beside.url if beside else await make_database("auth", template="auth", prepare=_migrate)
        one = await one_service(build, MIGRATIONS, url, {"ARGON2_PROFILE": "light"} | environ)
        await one.client.aclose()
        started.append(Auth(one.service))
        started[-1].url = url
        await started[-1].tend()
        return started[-1]

    yield begin
    for auth in started:
        await auth.close()


@pytest_asyncio.fixture
async def auth(start) -> Auth:
    return await start()


@pytest.fixture
def settings() -> dict[str, str]:
    return {"DATABASE_URL_AUTH": "postgresql://u:p@127.0.0.1/auth", "WIRE": "inprocess"}
