"""The real Envoy, configured from the route table, before stand-ins for the services."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from ipaddress import ip_address
from uuid import uuid4

import pytest
import pytest_asyncio

from common.draining import DRAINING, NOT_HEALTHY
from common.http.frame import ALWAYS
from common.testing import bearer

from .street import Street

USER = uuid4()


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with Street(tmp_path_factory.mktemp("envoy")).open() as street:
        yield street


@pytest.fixture
def street(running: Street) -> Iterator[Street]:
    """The street, on which everybody behaves."""
    for _ in running.behaving():
        yield running


@pytest.fixture
def signed() -> dict[str, str]:
    return bearer(USER)


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/auth/login", "auth"),
        ("/users/me", "auth"),
        ("/products?limit=1&q=a%20b", "catalog"),
        ("/uploads/token", "catalog"),
        ("/downloads", "catalog"),
        ("/orders", "orders"),
        ("/orders/1/ship", "orders"),
        ("/sales", "orders"),
        ("/payments/webhooks/stripe", "payments"),
        ("/payments", "payments"),
        ("/notifications", "notifier"),
    ],
)
async def test_a_request_goes_to_the_service_of_its_path_as_it_is(street: Street, signed, path, service):
    answer = await street.ask("GET", path, headers=signed)
    assert answer.status_code == 200, answer.text
    seen = answer.json()
    assert (seen["service"], seen["path"]) == (service, f"/api/v1{path.partition('?')[0]}")
    assert seen["query"] == path.partition("?")[2]
    assert seen["headers"]["host"] == f"127.0.0.1:{street.port}"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/metrics", "/ready", "/stats/prometheus", "/orders/health/ready", "/orders/metrics", "/openapi.json"),
        *("/api/v1", "/api/v1/ordersx", "/api/v2/orders", "/api/v1//orders", "/sandbox/truth", "/API/v1/orders"),
        "/api/v1/orders/../../../orders/metrics",
    ],
)
async def test_what_is_not_in_the_table_is_not_there(street: Street, signed, path):
    answer = await street.raw(f"GET {path} HTTP/1.1\r\nHost: souk\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith("HTTP/1.1 404 "), answer
    assert '"code":"not_found"' in answer
    assert not any(unit.asked for unit in street.units)


async def test_a_path_means_the_same_to_the_gateway_and_the_service(street: Street):
    request = b"GET /api/v1/orders/../payments/webhooks/x HTTP/1.1\r\nHost: souk\r\nConnection: close\r\n\r\n"
    assert '"path":"/api/v1/payments/webhooks/x"' in await street.raw(request)
    escaped = await street.ask("GET", "/products/..%2Forders")
    assert (escaped.status_code, escaped.json()["code"]) == (400, "bad_request")


async def test_a_token_is_asked_for_and_goes_on_to_the_service(street: Street, signed):
    answer = await street.ask("GET", "/orders", headers=signed)
    assert answer.json()["headers"]["authorization"] == signed["Authorization"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        bearer(USER, lifetime=timedelta(minutes=-5)),
        {"Authorization": bearer(USER)["Authorization"][:-4] + "AAAA"},
    ],
)
async def test_without_a_good_token_nothing_reaches_the_service(street: Street, headers):
    answer = await street.ask("POST", "/orders", headers=headers, json={})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="souk"'
    assert not street.orders[0].asked + street.orders[1].asked


async def test_where_none_is_needed_none_is_asked_for(street: Street, signed):
    stale = {"Authorization": "Bearer a.b.c"}
    assert (await street.ask("GET", "/products")).status_code == 200
    assert (await street.ask("GET", "/products", headers=signed)).status_code == 200
    assert (await street.ask("GET", "/products", headers=stale)).status_code == 401
    assert (await street.ask("POST", "/auth/login", headers=stale)).status_code == 200
    assert (await street.ask("POST", "/payments/webhooks/stripe", headers=stale)).status_code == 200
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    assert (await street.ask("OPTIONS", "/orders", headers=preflight)).status_code == 200


async def test_a_body_may_be_so_large_and_no_larger(street: Street, signed):
    async def chunks():
        for _ in range(5):
            yield b"x" * 65_536

    fits = await street.ask("POST", "/orders", headers=signed, content=b"x" * 262_144)
    assert fits.json()["size"] == 262_144
    for content in (b"x" * 262_145, chunks()):
        answer = await street.ask("POST", "/orders", headers=signed, content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert sum((street.orders[0].asked + street.orders[1].asked).values()) == 1


async def test_a_file_goes_on_as_it_comes(street: Street):
    answer = await street.ask("POST", f"/uploads/{uuid4()}", content=b"x" * 5_000_000)
    assert answer.json()["size"] == 5_000_000


@pytest.mark.parametrize("headers", [{"x-large": "x" * 65_536}, {f"x-{number}": "y" for number in range(1000)}])
async def test_headers_may_be_so_large_and_so_many(street: Street, headers):
    answer = await street.ask("GET", "/products", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize(
    "told",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"Content-Length: -1\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_two_lengths_of_one_body_are_none(street: Street, told):
    answer = await street.raw(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: souk\r\n" + told)
    assert answer.startswith("HTTP/1.1 400 ")
    assert not street.of("auth")[0].asked["POST /api/v1/auth/login"]


async def test_nobody_says_who_he_is_but_by_his_address(street: Street):
    forged = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=203.0.113.7",
        "X-Real-IP": "203.0.113.7",
        "X-Request-Id": "chosen",
        "X-Souk-Draining": "1",
        "X-Envoy-Retry-On": "5xx",
        "X-Envoy-Upstream-Rq-Timeout-Ms": "1",
        "X_Forwarded_For": "203.0.113.7",
    }
    seen = (await street.ask("GET", "/products", headers=forged)).json()["headers"]
    # Of a connection from the machine itself Envoy tells the machine's own address.
    assert ip_address(seen["x-forwarded-for"]) != ip_address("203.0.113.7")
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-request-id"] != "chosen"
    gone = {name.lower() for name in forged} - {"x-forwarded-for", "x-forwarded-proto", "x-request-id"}
    assert not gone & seen.keys()
    assert not [name for name in seen if name.startswith("x-envoy")]


async def test_an_answer_names_no_machine_of_ours(street: Street, signed):
    for path in ("/products", "/nothing"):
        answer = await street.ask("GET", path)
        assert not {"server", "x-envoy-upstream-service-time", "x-powered-by"} & answer.headers.keys()


async def test_what_the_gateway_says_itself_has_a_request_id_and_is_nobodys_to_keep(street: Street):
    answer = await street.ask("GET", "/nothing")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert (problem["type"], problem["status"], problem["title"]) == ("urn:souk:problem:not_found", 404, "Not found")
    for name, value in ALWAYS:
        assert answer.headers.get_list(name.decode()) == [value.decode()], name


async def test_a_page_of_another_origin_may_read_why_it_was_refused(street: Street, signed):
    origin = {"Origin": "https://shop.example"}
    answer = await street.ask("GET", "/orders", headers=origin)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "*")
    assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]
    answered = await street.ask("GET", "/orders", headers=signed | origin)
    assert "access-control-allow-origin" not in answered.headers, "what a service answers is its own to open"


@pytest.mark.parametrize("does", ["401", "404", "503"])
async def test_a_refusal_of_a_services_own_stays_as_it_is(street: Street, signed, does):
    for unit in street.orders:
        unit.does = does
    answer = await street.ask("GET", "/orders", headers=signed | {"Origin": "https://shop.example"})
    assert (answer.status_code, answer.json()) == (int(does), {})
    assert not {"access-control-allow-origin", "referrer-policy", "retry-after"} & answer.headers.keys()


async def test_events_arrive_when_they_happen(street: Street, signed):
    async with street.http.stream("GET", "/api/v1/orders/1/events", headers=signed) as answer:
        chunks = answer.aiter_text()
        assert await asyncio.wait_for(anext(chunks), 5) == "data: first\n\n"
        for unit in street.orders:
            unit.go_on.set()
        assert await asyncio.wait_for(anext(chunks), 5) == "data: second\n\n"


async def test_who_is_leaving_is_asked_once_and_another_answers(street: Street, signed):
    leaving, staying = street.orders
    leaving.does = "draining"
    answers = [await street.ask("POST", "/orders", headers=signed, json={}) for _ in range(20)]
    assert {(answer.status_code, answer.json()["port"]) for answer in answers} == {(200, staying.port)}
    assert leaving.asked


async def test_who_has_come_back_is_asked_when_the_other_leaves_before_anybody_has_seen_that(street: Street, signed):
    back, leaving = street.orders
    back.ready = False
    await asyncio.sleep(1)
    leaving.does, leaving.ready = "draining", False
    answer = await street.ask("POST", "/orders", headers=signed, json={})
    assert (answer.status_code, answer.json().get("port")) == (200, back.port), leaving.asked
    assert leaving.asked


async def test_when_all_are_leaving_the_client_is_told_to_come_again(street: Street, signed):
    for unit in street.orders:
        unit.does = "draining"
    answer = await street.ask("POST", "/orders", headers=signed, json={})
    assert answer.status_code == 503
    assert answer.json()["code"] == "draining"
    assert not {DRAINING, NOT_HEALTHY} & answer.headers.keys()


@pytest.mark.parametrize("does", ["500", "502", "503", "504", "429"])
async def test_what_a_service_has_answered_is_not_asked_again(street: Street, signed, does):
    for unit in street.orders:
        unit.does = does
    answer = await street.ask("POST", "/orders", headers=signed, json={})
    assert (answer.status_code, answer.json()) == (int(does), {})
    assert sum((street.orders[0].asked + street.orders[1].asked).values()) == 1


async def test_who_is_not_ready_is_not_asked(street: Street, signed):
    away, there = street.orders
    away.ready = False
    await asyncio.sleep(1)
    away.asked.clear()
    answers = [await street.ask("GET", "/orders", headers=signed) for _ in range(20)]
    assert {answer.json()["port"] for answer in answers} == {there.port}
    there.ready = False
    await asyncio.sleep(1)
    assert (await street.ask("GET", "/orders", headers=signed)).status_code == 200, "better than nobody"


async def test_what_opens_a_file_is_in_no_log(street: Street):
    await street.ask("GET", f"/files/{uuid4()}?signature=very-secret")
    await street.ask("GET", "/products?q=last")
    async with asyncio.timeout(15):
        while '"path":"/api/v1/files/' not in street.log:
            await asyncio.sleep(0.2)
    assert "very-secret" not in street.log
