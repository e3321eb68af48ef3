"""A process that was told to stop: newcomers are sent elsewhere, those in hand are finished, then the port closes."""

import asyncio

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from common.broker import InProcessWire
from common.draining import DRAINING, Leaving
from common.http.frame import Frame
from common.http.refusals import Refusals
from common.serve import listening, serving
from common.settings import ServiceSettings
from common.testing import signing_key
from souk.machines.ports import free_port

from .greeter.main import build
from .talking import ALWAYS


async def echo(scope, receive, send):
    """Say back what came."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(body)(scope, receive, send)


async def test_newcomers_are_refused_before_anything_is_done_and_asked_to_come_again():
    door = Leaving(echo, 0.3)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(door), base_url="http://souk") as client:
        assert (await client.post("/", content=b"hello")).text == "hello"
        door.close()
        refused = await client.post("/", content=b"hello")
    assert (refused.status_code, refused.json()["code"]) == (503, "draining")
    assert refused.headers[DRAINING] == "1"
    assert (refused.headers["Retry-After"], refused.headers["Connection"]) == ("1", "close")
    assert refused.json()["request_id"] == refused.headers["X-Request-Id"]


async def test_who_is_refused_gets_what_every_answer_has_and_is_counted(metrics):
    frame = Frame(origins=["https://shop.example"], https_only=True)
    door = Leaving(echo, 0.3, Refusals(frame, metrics.refused))
    door.close()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(door), base_url="http://souk") as client:
        page = await client.get("/", headers={"Origin": "https://shop.example"})
        stranger = await client.get("/", headers={"Origin": "https://other.example"})
    for refused in (page, stranger):
        assert dict(ALWAYS).items() <= {(name, value) for name, value in refused.headers.raw}
        assert refused.headers["Strict-Transport-Security"]
        assert refused.headers["Vary"] == "Origin"
    assert page.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "X-Request-Id" in page.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in stranger.headers
    assert metrics.registry.get_sample_value("souk_http_refused_total", {"status": "503"}) == 2


async def test_the_port_stays_open_for_as_long_as_was_said():
    door = Leaving(echo, 0.2)
    await door.noticed()
    door.close()
    began = asyncio.get_running_loop().time()
    await door.noticed()
    assert 0.15 < asyncio.get_running_loop().time() - began < 2


async def test_a_large_body_is_read_before_the_refusal():
    door, port = Leaving(echo, 5), free_port()
    async with listening(door, "127.0.0.1", port), httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        door.close()
        for _ in range(20):
            refused = await client.post("/", content=b"x" * 500_000)
            assert refused.status_code == 503
            assert refused.headers[DRAINING] == "1"


async def test_a_service_that_stops_lets_go_who_waits_and_refuses_who_comes(machinery_url):
    port, internal = free_port(), free_port()
    given = {"DATABASE_URL_GREETER": machinery_url, "WIRE": "inprocess", "PORT": str(port), "DRAIN_DELAY": "1s"}
    service = build({**given, "INTERNAL_PORT": str(internal)}, InProcessWire())
    service.wire.bind(service.name, service.events.types)
    service.keyring.replace({"keys": [signing_key()]})
    room, stop = service.app.state.waiting_room, asyncio.Event()

    async def run():
        async with serving([service], service.app, service.settings):
            await stop.wait()

    running = asyncio.create_task(run())
    async with httpx2.AsyncClient(timeout=5) as client:
        await until_ready(client, internal)
        waiting = asyncio.create_task(room.until("topic", 20, look, bool))
        await asyncio.sleep(0.1)
        stop.set()
        assert await asyncio.wait_for(waiting, 1) is False
        ready = await client.get(f"http://127.0.0.1:{internal}/greeter/health/ready")
        assert (ready.status_code, ready.json()["problems"][0]) == (503, "stopping")
        refused = await client.post(f"http://127.0.0.1:{port}/api/v1/greetings")
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert service.metrics.registry.get_sample_value("souk_http_refused_total", {"status": "503"}) == 1
        await asyncio.wait_for(running, 10)
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/")


async def look():
    """See that it is not so."""
    return False


async def until_ready(client, internal):
    """Wait until the service says that it is."""
    async with asyncio.timeout(10):
        while True:
            try:
                if (await client.get(f"http://127.0.0.1:{internal}/greeter/health/ready")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [({}, 0.0), ({"DRAIN_DELAY": "2s"}, 2.0), ({"SOUK_ENV": "production"}, 3.0), ({"SOUK_ROLE": "api"}, 3.0)],
)
def test_how_long_is_a_setting_and_behind_a_gateway_some_seconds(told, seconds):
    given = {
        "DATABASE_URL": "postgresql://souk:h4rd-t0-Gue55-At-All@db/y",
        "AMQP_URL": "amqp://souk:h4rd-t0-Gue55-At-All@mq",
        "PUBLIC_URL": "https://souk.example",
        **told,
    }
    assert ServiceSettings.model_validate(given).drain == seconds
