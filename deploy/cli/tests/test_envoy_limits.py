"""The real Envoy under other circumstances: short limits, low rates, a balancer before it, services that are away."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from common.serve import listening
from common.testing import bearer
from souk.gateway.envoy import Upstream, compose
from souk.gateway.table import Rate
from souk.home import SERVICES
from souk.machines.envoy import validate
from souk.machines.errors import MachineError
from souk.machines.ports import free_port

from .street import TABLE, Street

SIGNED = bearer(uuid4())
PRODUCTION = compose(sandbox=False)


def hurried() -> Any:
    """The table with limits that a test can wait for."""
    moment = timedelta(seconds=1)
    limits = TABLE.limits.model_copy(update={"headers_within": moment, "request_within": moment})
    routes = [route.model_copy(update={"timeout": moment}) for route in TABLE.routes]
    return replace(TABLE, limits=limits, routes=routes)


def _begun(path: str, length: int) -> bytes:
    return f"POST /api/v1{path} HTTP/1.1\r\nHost: souk\r\nContent-Length: {length}\r\n\r\n".encode()


def seldom() -> Any:
    """The table with a rate that a test exceeds."""
    rates = {name: Rate(rate=1, burst=2) if name == "accounts" else rate for name, rate in TABLE.rates.items()}
    return replace(TABLE, rates=rates)


async def test_who_sends_slowly_and_who_answers_slowly_is_not_waited_for(tmp_path: Path) -> None:
    async with Street(tmp_path).open(hurried()) as street:
        body = await street.raw(_begun("/auth/login", 100), *[b"x"] * 4, pause=0.4)
        assert body.startswith("HTTP/1.1 408 ")
        assert '"code":"request_timeout"' in body
        head = await street.raw(b"GET /api/v1/products HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 4, pause=0.4)
        assert head.startswith("HTTP/1.1 408 ")
        assert not street.of("auth")[0].asked["POST /api/v1/auth/login"]
        late_file = await street.raw(_begun("/uploads/1", 8), *[b"x"] * 8, pause=0.4)
        assert late_file.startswith("HTTP/1.1 200 "), "a file may come as long as something comes"
        street.of("catalog")[0].does = "slow"
        late = await street.ask("GET", "/products")
        assert (late.status_code, late.json()["code"]) == (504, "gateway_timeout")
        file = await street.ask("GET", f"/files/{uuid4()}")
        assert file.status_code == 200, "a stream may take its time"


async def test_who_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with Street(tmp_path).open(seldom(), limited=True) as street:
        answers = [await street.ask("POST", f"/auth/{path}") for path in ("login", "refresh", "login", "register") * 2]
        assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
        refused = answers[-1]
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        assert (await street.ask("GET", "/products")).status_code == 200, "other groups have their own"
        assert (await street.ask("GET", "/auth/jwks")).status_code == 200


async def test_of_two_processes_one_of_which_is_gone_the_other_answers_every_request(tmp_path: Path) -> None:
    street = Street(tmp_path)
    gone, there = street.orders
    upstreams = {name: [unit.upstream for unit in street.of(name)] for name in SERVICES}
    # Its health is still told, so that it is asked: nobody listens at its port any more.
    upstreams["orders"] = [replace(gone.upstream, port=free_port()), there.upstream]
    async with street.open(upstreams=upstreams):
        for _ in range(30):
            answer = await street.ask("POST", "/orders", headers=SIGNED, json={})
            assert (answer.status_code, answer.json()["port"]) == (200, there.port)


async def test_a_service_that_is_away_is_unavailable_and_the_others_are_not(tmp_path: Path) -> None:
    async with Street(tmp_path).open(absent="payments") as street:
        answer = await street.ask("GET", "/payments", headers=SIGNED)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        assert (await street.ask("GET", "/orders", headers=SIGNED)).status_code == 200


async def test_keys_that_cannot_be_had_end_no_session(tmp_path: Path) -> None:
    async with Street(tmp_path).open(absent="auth") as street:
        answer = await street.ask("GET", "/orders", headers=SIGNED)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert (await street.ask("GET", "/orders")).status_code == 401
        assert (await street.ask("GET", "/products")).status_code == 200


async def test_behind_a_balancer_of_ours_the_client_is_whom_it_names(tmp_path: Path) -> None:
    async with Street(tmp_path).open(trusted_hops=PRODUCTION.trusted_hops) as street:
        for client in ("203.0.113.7", "10.1.2.3"):
            told = {"X-Forwarded-For": f"192.0.2.9, 10.9.9.9, {client}", "X-Forwarded-Proto": "https"}
            seen = (await street.ask("GET", "/products", headers=told)).json()["headers"]
            assert seen["x-forwarded-for"] == client, "nothing that it has written itself goes on"
            assert seen["x-forwarded-proto"] == "https"


async def test_in_production_each_client_behind_the_proxy_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async with Street(tmp_path).open(seldom(), limited=True, trusted_hops=PRODUCTION.trusted_hops) as street:

        async def ask(told: str) -> int:
            return (await street.ask("POST", "/auth/login", headers={"X-Forwarded-For": told})).status_code

        assert [await ask("203.0.113.7") for _ in range(6)][-1] == 429
        assert await ask("203.0.113.8") == 200, "somebody else"
        assert await ask("203.0.113.8, 203.0.113.7") == 429, "who only says that he is somebody else"


async def test_two_pages_are_shown_to_our_own_machines(tmp_path: Path) -> None:
    port = free_port()
    async with Street(tmp_path).open(internal_port=port) as street:
        for path, status in (
            ("/ready", 200),
            ("/stats/prometheus", 200),
            ("/config_dump", 404),
            ("/quitquitquit", 404),
        ):
            assert (await street.http.get(f"http://127.0.0.1:{port}{path}")).status_code == status


async def test_a_clients_trace_goes_through_the_gateway_and_the_collector_hears_of_it(tmp_path: Path) -> None:
    told, port = asyncio.Event(), free_port()

    async def collector(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"] == "/v1/traces"
        told.set()
        await PlainTextResponse("")(scope, receive, send)

    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    async with (
        listening(collector, "127.0.0.1", port),
        Street(tmp_path).open(collector=Upstream("127.0.0.1", port)) as street,
    ):
        seen = (await street.ask("GET", "/products", headers=headers)).json()["headers"]["traceparent"]
        assert seen.startswith(f"00-{trace}-")
        assert seen != headers["traceparent"]
        await asyncio.wait_for(told.wait(), 15)


async def test_without_a_collector_a_trace_passes_as_it_is(tmp_path: Path) -> None:
    headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    async with Street(tmp_path).open() as street:
        seen = (await street.ask("GET", "/products", headers=headers)).json()["headers"]
        assert seen["traceparent"] == headers["traceparent"]


def test_a_configuration_that_is_none_is_refused_with_what_envoy_says(tmp_path: Path) -> None:
    (tmp_path / "envoy.yaml").write_text("static_resources: {listeners: [{name: 5}]}")
    with pytest.raises(MachineError, match="Envoy refuses"):
        validate(tmp_path / "envoy.yaml")
