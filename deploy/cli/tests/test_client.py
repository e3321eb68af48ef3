"""Our own tools do as they are told when they ask too often."""

import time

import httpx2
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from souk.client import ApiError, Client


class Busy:
    """An API that refuses for a while."""

    def __init__(self, refusals: int, told: str) -> None:
        self.refusals, self.told, self.asked = refusals, told, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        refused = self.asked <= self.refusals
        headers = {"Retry-After": self.told} if refused else {}
        await JSONResponse({"code": "rate_limited"}, 429 if refused else 200, headers)(scope, receive, send)


def client_of(api: Busy) -> Client:
    return Client(httpx2.AsyncClient(transport=httpx2.ASGITransport(api)), "http://souk")


async def test_who_is_told_to_wait_waits_and_asks_again() -> None:
    api, began = Busy(2, "1"), time.monotonic()
    await client_of(api).get("/products")
    assert api.asked == 3
    assert time.monotonic() - began >= 2


async def test_who_would_wait_too_long_gives_up_at_once() -> None:
    api = Busy(2, "3600")
    with pytest.raises(ApiError, match="429 rate_limited"):
        await client_of(api).get("/products")
    assert api.asked == 1
