"""The HTTP door's frame: paths, methods, limits, headers and measures, whatever the route."""

import logging

import pytest
from fastapi import Response
from starlette.responses import StreamingResponse

from common.http import create_app, router
from common.http.fields import Id, Line, Strict
from common.http.frame import BODY_LIMIT
from common.telemetry import current_trace

from .asking import is_problem

routes = router()


class Named(Strict):
    name: Line


@routes.post("/things", status_code=201)
async def make_thing(body: Named) -> dict[str, str]:
    return {"name": body.name}


@routes.get("/things/{thing_id}")
async def show_thing(thing_id: Id) -> dict[str, str]:
    return {"id": str(thing_id)}


@routes.get("/things")
async def count_things() -> dict[str, int]:
    return {"things": 0}


@routes.get("/trace")
async def show_trace(response: Response) -> dict[str, str | None]:
    response.headers["Cache-Control"] = "max-age=60"
    trace = current_trace()
    return {"channel": trace.channel, "traceparent": trace.traceparent, "correlation_id": trace.correlation_id}


@routes.post("/webhooks/stripe")
async def webhook() -> dict[str, str]:
    return {"channel": current_trace().channel}


@pytest.fixture
async def client(serve_routes):
    return serve_routes(None, routes)


@pytest.mark.parametrize("path", ["/nowhere", "/things/x/y", "//things", "/things/", "/../things"])
async def test_an_unknown_path_is_no_redirect(client, path):
    answer = await client.request("PATCH", path, headers={"Host": "evil.example"})
    is_problem(answer, 404, "not_found")
    assert "location" not in answer.headers


@pytest.mark.parametrize("method", ["DELETE", "TRACE", "PATCH"])
async def test_a_wrong_method_names_the_right_ones(client, method):
    answer = await client.request(method, "/things")
    is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "id_",
    [
        "42",
        "%00",
        "{01a1fd1b-c756-7138-b9a1-1123c0c82637}",
        "urn:uuid:01a1fd1b-c756-7138-b9a1-1123c0c82637",
        "01a1fd1bc7567138b9a11123c0c82637",
        "01A1FD1B-C756-7138-B9A1-1123C0C82637",
    ],
)
async def test_an_id_has_one_way_to_be_written(client, id_):
    answer = await client.get(f"/things/{id_}")
    is_problem(answer, 404, "not_found")


async def test_a_body_announced_too_large_is_not_read(client):
    for length in (str(BODY_LIMIT + 1), "9" * 5000):
        answer = await client.post("/things", content=b"{}", headers={"Content-Length": length})
        is_problem(answer, 413, "payload_too_large")
        assert answer.headers["connection"] == "close"


async def test_a_chunked_body_is_cut_off_at_the_limit(client):
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 65536

    answer = await client.post("/things", content=endless(), headers={"Content-Type": "application/json"})
    is_problem(answer, 413, "payload_too_large")
    assert sent <= 6


async def test_a_nonsense_length_is_left_to_the_server(client):
    answer = await client.post("/things", json={"name": "x"}, headers={"Content-Length": "-1"})
    assert answer.status_code == 201


async def test_answers_carry_their_headers(client):
    answer = await client.get("/trace", headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.json()["channel"] == "API"
    assert answer.json()["traceparent"].startswith("00-aaaa")
    assert answer.json()["correlation_id"] == answer.headers["x-request-id"]
    plain = await client.get("/trace", headers={"traceparent": "\r\nX: nonsense"})
    assert plain.json()["traceparent"] is None
    assert (await client.post("/webhooks/stripe")).json()["channel"] == "WEBHOOK"
    assert (await client.get("/nowhere")).headers["cache-control"] == "no-store"


async def test_documentation_is_not_served_by_services(client):
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert (await client.get(f"http://test{path}")).status_code == 404


async def test_requests_are_measured_by_route_and_not_by_path(client, metrics):
    await client.get("/things/01a1fd1b-c756-7138-b9a1-1123c0c82637")
    await client.get("/nowhere/42")
    samples = [sample.labels for metric in metrics.requests.collect() for sample in metric.samples]
    paths = {labels["route"] for labels in samples}
    assert any("{thing_id}" in path for path in paths)
    assert not any("42" in path or "01a1" in path for path in paths)


async def test_an_answer_that_breaks_off_is_not_answered_twice(serve_routes, caplog):
    broken = router()

    @broken.get("/stream")
    async def stream():
        async def parts():
            yield b"a"
            raise ZeroDivisionError

        return StreamingResponse(parts())

    caplog.set_level(logging.CRITICAL)
    with pytest.raises(BaseException, match=r".*") as caught:
        await serve_routes(None, broken).get("/stream")
    assert "ZeroDivisionError" in repr(caught.getrepr(chain=True)) or caught.type is ZeroDivisionError


async def test_other_scopes_pass_through_the_door(metrics):
    app, sent = create_app("test", [], metrics, state={}), []

    async def receive():
        return {"type": "lifespan.startup"} if not sent else {"type": "lifespan.shutdown"}

    async def send(message):
        sent.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_client_that_hangs_up_is_no_failure_of_ours(metrics, captured_logs):
    app, sent = create_app("test", [routes], metrics, state={}), []
    headers = [(b"content-type", b"application/json"), (b"content-length", b"99")]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/things", "query_string": b"", "headers": headers}

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    assert sent == []
    assert [line for line in captured_logs if line["log_level"] == "error"] == []
