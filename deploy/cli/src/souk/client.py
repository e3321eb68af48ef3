"""A small client of Souk's own API, for seeding, the demo and the tests of the whole system."""

import asyncio
from typing import Any, Final, Self
from uuid import uuid4

import httpx2

Json = dict[str, Any]
_PATIENCE: Final = 120.0  # seconds for which it is asked again as long as it is told to come again


class ApiError(Exception):
    """The API refused; `status` and `problem` say why."""

    def __init__(self, method: str, path: str, answer: httpx2.Response) -> None:
        self.status = answer.status_code
        self.problem: Json = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        super().__init__(f"{method} {path}: {answer.status_code} {self.problem.get('code', answer.text[:200])}")


class Client:
    """Somebody who talks to the API, signed in or not."""

    def __init__(self, http: httpx2.AsyncClient, base_url: str, token: str | None = None) -> None:
        self._http, self._base, self.token = http, base_url.rstrip("/"), token

    async def register(self, name: str, email: str, password: str) -> Json:
        """Make an account."""
        return await self.post("/auth/register", {"name": name, "email": email, "password": password})

    async def login(self, email: str, password: str) -> Self:
        """Return the same client signed in."""
        tokens = await self.post("/auth/login", {"email": email, "password": password})
        return type(self)(self._http, self._base, tokens["access_token"])

    async def get(self, path: str, *, params: dict[str, str] | None = None) -> Json:
        """GET a resource; raises ApiError."""
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: Json, *, key: str | None = None, wait: int | None = None) -> Json:
        """POST with an Idempotency-Key; raises ApiError."""
        headers = {"Idempotency-Key": key or str(uuid4())} | ({} if wait is None else {"Prefer": f"wait={wait}"})
        return await self._call("POST", path, json=body, headers=headers)

    async def patch(self, path: str, body: Json) -> Json:
        """PATCH a resource; raises ApiError."""
        return await self._call("PATCH", path, json=body)

    async def send(self, method: str, url: str, **options: Any) -> None:  # noqa: ANN401 - what httpx2 takes
        """Send a form to an address of the system's own, such as that of an upload; raises ApiError."""
        answer = await self._http.request(method, url, **options)
        if answer.is_error:
            raise ApiError(method, url, answer)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - what httpx2 takes
    ) -> Json:
        given = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **(headers or {})}
        end = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            answer = await self._http.request(method, f"{self._base}/api/v1{path}", headers=given, **options)
            pause = told_to_wait(answer)
            if pause is None or asyncio.get_running_loop().time() + pause > end:
                break
            await asyncio.sleep(pause)
        if answer.is_error:
            raise ApiError(method, path, answer)
        found: Json = answer.json() if answer.content else {}
        return found


def told_to_wait(answer: httpx2.Response) -> float | None:
    """Return after how many seconds whoever asks too often is to come again."""
    if answer.status_code != httpx2.codes.TOO_MANY_REQUESTS:
        return None
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdigit() else 1.0
