"""Customers with patience: they sign in again, and repeat what was not answered with the same key."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import httpx2

Json = dict[str, Any]
PATIENCE: Final = 60.0
_LOGIN: Final = "/auth/login"
_PAUSE, _LONGEST_PAUSE = 0.3, 2.4
_CALL: Final = 12.0
_SUCCESS, _UNAUTHORIZED, _CONFLICT, _BROKEN = 300, 401, 409, 500


class Refused(Exception):  # noqa: N818 - a plain answer of the shop's
    """The shop said no; `code` says why."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


class GaveUp(Exception):  # noqa: N818 - what people do
    """The customer's patience is over."""


class Customer:
    """An account, and a browser that repeats a request until it knows what came of it."""

    def __init__(self, http: httpx2.AsyncClient, base_url: str, email: str, password: str) -> None:
        self._http, self._base = http, f"{base_url}/api/v1"
        self.email, self._password = email, password
        self.id = UUID(int=0)
        self._token = ""
        self._signing_in = asyncio.Lock()

    async def register(self, name: str) -> None:
        """Make the account; a repeated attempt may find it made."""
        try:
            body = {"name": name, "email": self.email, "password": self._password}
            await self.persist("POST", "/auth/register", json=body)
        except Refused as refused:
            if refused.code != "email_taken":
                raise

    async def sign_in(self) -> None:
        """Log in; raises Refused when the account is not what it was."""
        body = {"email": self.email, "password": self._password}
        self._token = (await self.persist("POST", _LOGIN, json=body))["access_token"]
        if not self.id.int:
            self.id = UUID((await self.persist("GET", "/users/me"))["id"])

    async def persist(self, method: str, path: str, *, patience: float = PATIENCE, **request: Any) -> Json:  # noqa: ANN401 - what httpx2 takes
        """Repeat until it is answered; raises Refused, and GaveUp when patience is over."""
        end, pause = asyncio.get_running_loop().time() + patience, _PAUSE
        while asyncio.get_running_loop().time() < end:
            used = self._token
            answer = await self.once(method, path, **request)
            if answer is not None:
                if answer.status_code == _UNAUTHORIZED and used and path != _LOGIN:
                    await self._sign_in_again(used)
                elif not _worth_repeating(answer):
                    return _read(answer)
            await asyncio.sleep(max(pause, _asked_to_wait(answer)))
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise GaveUp(f"{method} {path}")

    async def once(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        **request: Any,  # noqa: ANN401 - what httpx2 takes
    ) -> httpx2.Response | None:
        """Make one request; None when there was no answer."""
        given = {**({"Authorization": f"Bearer {self._token}"} if self._token else {}), **(headers or {})}
        with suppress(httpx2.TransportError):
            return await self._http.request(method, self._base + path, headers=given, timeout=_CALL, **request)
        return None

    async def _sign_in_again(self, used: str) -> None:
        async with self._signing_in:
            if self._token == used:
                await self.sign_in()


async def until(so: Callable[[], bool], seconds: float, every: float = 0.1) -> bool:
    """Wait until something is so; say whether it became so."""
    end = asyncio.get_running_loop().time() + seconds
    while not so():
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(every)
    return True


def _asked_to_wait(answer: httpx2.Response | None) -> float:
    """Return for how many seconds the shop wants to be left alone: a number, as it is never a date here."""
    wait = "" if answer is None else answer.headers.get("retry-after", "")
    return float(wait) if wait.isdecimal() else 0


def _worth_repeating(answer: httpx2.Response) -> bool:
    if answer.status_code == _CONFLICT:
        return _code(answer) in {"idempotency_key_in_use", "product_not_ready"}
    return answer.status_code >= _BROKEN or answer.status_code == httpx2.codes.TOO_MANY_REQUESTS


def _read(answer: httpx2.Response) -> Json:
    if answer.status_code >= _SUCCESS:
        raise Refused(answer.status_code, _code(answer))
    found: Json = answer.json() if answer.content else {}
    return found


def _code(answer: httpx2.Response) -> str:
    with suppress(ValueError):
        return str(answer.json().get("code", ""))
    return ""
