"""The route table: what it says of tokens and bodies is what the services do, and a bad one is refused."""

import json
from pathlib import Path

import pytest
import yaml

from common.http.frame import BODY_LIMIT
from common.settings import BadSetting
from souk.gateway.commands import envoy, upstream
from souk.gateway.envoy import Upstream, compose
from souk.gateway.envoy.routes import route_config
from souk.gateway.table import ROUTES, RouteTable
from souk.home import SERVICES
from souk.openapi import openapi, operations


@pytest.fixture(scope="module")
def table() -> RouteTable:
    return RouteTable.read()


def test_no_token_is_asked_for_where_the_service_asks_for_none(table: RouteTable) -> None:
    for path, method, operation in operations(openapi()):
        route = table.find(path)
        assert route is not None, path
        if route.auth == "required":
            assert operation["security"] == [{"bearer": []}], (method, path)
        if route.auth == "optional":
            assert {"bearer": []} in operation["security"], (method, path)


def test_where_everything_needs_a_token_the_gateway_looks_at_it(table: RouteTable) -> None:
    needs: dict[str, set[bool]] = {}
    for path, _, operation in operations(openapi()):
        route = table.find(path)
        assert route is not None
        needs.setdefault(route.path, set()).add(operation["security"] == [{"bearer": []}])
    assert {path for path, each in needs.items() if each == {True}} <= {
        route.path for route in table.routes if route.auth == "required"
    }


def test_bodies_are_as_large_as_the_services_take_them(table: RouteTable) -> None:
    assert {route.body for route in table.routes} == {BODY_LIMIT, None}
    assert [route.path for route in table.routes if route.body is None] == ["/api/v1/uploads"]


def test_what_is_followed_is_a_stream(table: RouteTable) -> None:
    for path, method, operation in operations(openapi()):
        kinds = operation["responses"].get("200", {}).get("content", {})
        route = table.find(path)
        assert route is not None
        assert route.stream or "text/event-stream" not in kinds, (method, path)


def test_every_service_has_a_route(table: RouteTable) -> None:
    assert {route.service for route in table.routes} == set(SERVICES)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('group = "buying"', 'group = "no such group"'),
        ('auth = "required"', 'auth = "yes"'),
        ("rate = 20", "rate = 0"),
        ('headers_within = "10s"', 'headers_within = "ten"'),
        ('path = "/api/v1/users"', 'path = "users"'),
        ("stream = true", "streams = true"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, wrong: str, right: str) -> None:
    text = ROUTES.read_text()
    assert wrong in text
    (tmp_path / "routes.toml").write_text(text.replace(wrong, right))
    with pytest.raises(ValueError, match=r"."):
        RouteTable.read(tmp_path / "routes.toml")


def test_a_file_for_this_machine_names_the_processes_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    told = {name: [f"127.0.0.1:{8000 + 10 * number}/{8001 + 10 * number}"] for number, name in enumerate(SERVICES)}
    envoy(local=json.dumps(told), port=8888)
    made = yaml.safe_load(capsys.readouterr().out)
    (door,) = made["static_resources"]["listeners"]
    assert door["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8888}
    assert {cluster["type"] for cluster in made["static_resources"]["clusters"]} == {"STATIC"}
    with pytest.raises(BadSetting, match="names no process of notifier"):
        envoy(local=json.dumps({name: told[name] for name in told if name != "notifier"}))
    for wrong in ("orders", "{}[", '{"orders": "x"}', '{"orders": ["x"]}'):
        with pytest.raises(BadSetting, match="--local cannot be used"):
            envoy(local=wrong)
    with pytest.raises(BadSetting, match="--otlp cannot be used"):
        envoy(otlp="collector")


def test_production_has_one_proxy_before_it_unless_it_is_told_of_others(capsys: pytest.CaptureFixture[str]) -> None:
    for production, told, wanted in ((True, None, 1), (True, 2, 2), (True, 0, 0), (False, None, 0)):
        envoy(production=production, trusted_hops=told)
        assert f"xff_num_trusted_hops: {wanted}\n" in capsys.readouterr().out


def test_only_what_is_small_must_be_here_in_time(table: RouteTable) -> None:
    rows = route_config(table, compose(sandbox=False))["virtual_hosts"][0]["routes"]
    for route, row in zip(table.routes, rows, strict=True):
        ended = (row["route"]["timeout"] != "0s", "idle_timeout" in row["route"])
        assert ended == ((True, False) if route.bounded else (False, True)), route.path


def test_an_address_may_say_where_health_is_told() -> None:
    assert upstream("127.0.0.1:8100/8101") == Upstream("127.0.0.1", 8100, 8101)
    assert upstream("orders-api:8000") == Upstream("orders-api", 8000, None)
