"""The development gateway: one table, answered inside the process or handed on."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from common.serve import listening
from souk.gateway import Dispatcher, Proxy, RouteTable
from souk.home import SERVICES
from souk.machines.ports import free_port
from souk.openapi import of_service


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Say what arrived."""
    request = Request(scope, receive)
    body = (await request.body()).decode()
    seen = {"path": scope["path"], "query": str(request.url.query), "body": body, "auth": request.headers.get("x-who")}
    await JSONResponse(seen, 201, {"X-Told": "yes"})(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/v1/orders", "orders"),
        ("/api/v1/orders/1/ship", "orders"),
        ("/api/v1/payments/webhooks/stripe", "payments"),
        ("/api/v1/users/me", "auth"),
        ("/api/v1/downloads", "catalog"),
        ("/api/v1/ordersx", None),
        ("/api/v2/orders", None),
        ("/", None),
    ],
)
def test_a_path_belongs_to_one_service(path: str, service: str | None) -> None:
    assert RouteTable.read().service(path) == service


def test_every_route_of_every_service_is_in_the_table(documents: dict[str, list[str]]) -> None:
    table = RouteTable.read()
    for service, paths in documents.items():
        assert {table.service(path) for path in paths} == {service}, service


@pytest.fixture
def documents() -> dict[str, list[str]]:
    """The paths each service answers."""
    return {service: list(of_service(service)["paths"]) for service in SERVICES}


@pytest_asyncio.fixture
async def front() -> AsyncIterator[httpx2.AsyncClient]:
    """A gateway before a service that is there, one that is not, and a mount."""
    there, nowhere, port = free_port(), free_port(), free_port()
    async with httpx2.AsyncClient(timeout=10) as inner, listening(echo, "127.0.0.1", there):
        services = {
            "orders": Proxy(inner, f"http://127.0.0.1:{there}"),
            "auth": Proxy(inner, f"http://127.0.0.1:{nowhere}"),
        }
        async with (
            listening(Dispatcher(services, {"/sandbox": echo}), "127.0.0.1", port),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            yield client


async def test_a_request_is_handed_on_as_it_is(front: httpx2.AsyncClient) -> None:
    answer = await front.post("/api/v1/orders/a%20b?x=1&y=%26", content=b"body", headers={"X-Who": "me"})
    assert (answer.status_code, answer.headers["X-Told"]) == (201, "yes")
    assert answer.json() == {"path": "/api/v1/orders/a b", "query": "x=1&y=%26", "body": "body", "auth": "me"}


async def test_a_service_that_is_away_is_unavailable(front: httpx2.AsyncClient) -> None:
    answer = await front.get("/api/v1/users/me")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


async def test_several_processes_of_a_service_take_turns() -> None:
    async def here(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"port": scope["server"][1]})(scope, receive, send)

    ports = [free_port(), free_port()]
    async with (
        listening(here, "127.0.0.1", ports[0]),
        listening(here, "127.0.0.1", ports[1]),
        httpx2.AsyncClient() as inner,
    ):
        proxy = Proxy(inner, *(f"http://127.0.0.1:{port}" for port in ports))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(proxy), base_url="http://souk") as client:
            answered = [(await client.get("/")).json()["port"] for _ in range(4)]
    assert answered == ports * 2


async def test_what_no_service_answers_is_a_problem(front: httpx2.AsyncClient) -> None:
    answer = await front.get("/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_mounts_come_first(front: httpx2.AsyncClient) -> None:
    assert (await front.get("/sandbox/mail")).json()["path"] == "/sandbox/mail"
