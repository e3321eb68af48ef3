"""A service as a process: it starts or says why not, shows how it is, and when told to stop it loses nothing."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path

import httpx2
import pytest

from common.broker import Hearer, apply_topology
from common.migrations import migrate
from souk.machines.ports import free_port

from .greeter.main import MIGRATIONS

MAIN = MIGRATIONS.parent / "main.py"


class Child:
    """A service's process, and somebody who talks to it."""

    def __init__(self, process, log: Path, port: int, internal: int):
        self.process, self.log = process, log
        self.public = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)
        self.internal = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{internal}/greeter", timeout=20)

    async def is_ready(self):
        assert self.process.returncode is None, self.log.read_text()
        try:
            return (await self.internal.get("/health/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    def lines(self, event):
        """The log lines of an event."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    async def end(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self.public.aclose()
        await self.internal.aclose()


@pytest.fixture
async def database_url(make_database):
    return await make_database("greeter", template="greeter", prepare=partial(migrate, folder=MIGRATIONS))


@pytest.fixture
async def start(tmp_path, database_url):
    children: list[Child] = []

    async def run(*words, **settings):
        log, ports = tmp_path / f"{len(children)}.log", {"PORT": free_port(), "INTERNAL_PORT": free_port()}
        given = {"DATABASE_URL_GREETER": database_url, "SOUK_ROLE": "api", **ports, **settings}
        env = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable, MAIN, *words, env=env | {k: str(v) for k, v in given.items()}, stderr=out
            )
        children.append(Child(process, log, int(given["PORT"]), int(given["INTERNAL_PORT"])))
        return children[-1]

    yield run
    for child in children:
        await child.end()


async def ends(child):
    """How the process ended, and what it had to say."""
    async with asyncio.timeout(30):
        code = await child.process.wait()
    return code, child.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_answers_the_request_in_hand_and_takes_no_other(start, eventually, number):
    child = await start()
    await eventually(child.is_ready)
    request = asyncio.create_task(child.public.get("/api/v1/slow"))
    await eventually(lambda: child.lines("thinking"))
    told = time.monotonic()
    child.process.send_signal(number)
    await eventually(lambda: child.lines("stopping"))
    assert (await request).json() == {"said": "hello"}
    assert (await ends(child))[0] == 0
    assert time.monotonic() - told < 8
    with pytest.raises(httpx2.TransportError):
        await child.public.get("/api/v1/slow")


async def test_health_and_metrics_are_on_the_internal_port_alone(start, eventually):
    child = await start()
    await eventually(child.is_ready)
    live = await child.internal.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok", "problems": []})
    ready = (await child.internal.get("/health/ready")).json()
    assert (ready["status"], ready["problems"], ready["role"], ready["lanes"]) == ("ok", [], "api", {})
    await child.public.post("/api/v1/greetings")
    shown = await child.internal.get("/metrics")
    assert shown.headers["content-type"].startswith("text/plain; version=0.0.4")
    [count] = [line for line in shown.text.splitlines() if line.startswith("souk_http_request_seconds_count")]
    assert (count.count('method="POST"'), count.count('route="/api/v1/greetings"'), count.split()[-1]) == (1, 1, "1.0")
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert (await child.public.get(f"/greeter{path}")).status_code == 404
        assert (await child.internal.get(f"/../nobody{path}")).status_code == 404


async def test_a_fact_goes_round_over_the_broker_and_keeps_its_correlation_id(start, eventually, amqp_url):
    await apply_topology(amqp_url, [Hearer("greeter", frozenset({"test.greeted"}))])
    child = await start(SOUK_ROLE="all", AMQP_URL=amqp_url)
    await eventually(child.is_ready, seconds=30)
    answer = await child.public.post("/api/v1/greetings")
    [answered] = await eventually(lambda: child.lines("answered"))
    [greeted] = child.lines("greeted")
    assert answered["correlation_id"] == greeted["correlation_id"] == answer.headers["x-request-id"]
    child.process.terminate()
    assert (await ends(child))[0] == 0


async def test_a_worker_has_no_public_port_and_hands_its_events_over_when_it_stops(start, eventually, amqp_url):
    await apply_topology(amqp_url, [Hearer("greeter", frozenset({"test.greeted"}))])
    api, worker = await start(), await start(SOUK_ROLE="worker", AMQP_URL=amqp_url)
    await eventually(api.is_ready, seconds=30)
    await eventually(worker.is_ready, seconds=30)
    with pytest.raises(httpx2.TransportError):
        await worker.public.get("/api/v1/slow")
    for _ in range(5):
        assert (await api.public.post("/api/v1/greetings")).status_code == 201
    await eventually(lambda: worker.lines("answered"))
    worker.process.terminate()
    assert (await ends(worker))[0] == 0
    again = await start(SOUK_ROLE="worker", AMQP_URL=amqp_url)
    await eventually(lambda: len(worker.lines("answered") + again.lines("answered")) == 5, seconds=30)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"PORT": "70000"}, "PORT cannot be used"),
        ({"SOUK_ROLE": "all"}, "AMQP_URL is missing"),
        ({"DATABASE_URL_GREETER": "mysql://h/d"}, "DATABASE_URL_GREETER is missing or no PostgreSQL URL"),
        ({"SOUK_ENV": "production", "SOUK_PACE": "5"}, "SOUK_PACE must be 1 in production"),
    ],
)
async def test_a_bad_setting_stops_the_start_with_one_sentence(start, setting, sentence):
    code, said = await ends(await start(**setting))
    assert code == 1
    assert said.startswith(sentence)
    assert len(said.splitlines()) == 1


async def test_a_port_in_use_stops_the_start_with_one_sentence(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = await ends(await start(PORT=port))
    assert code == 1
    assert said.splitlines()[-1] == (
        f"PORT {port} on 127.0.0.1 cannot be used: Address already in use. Is something else listening there?"
    )
    assert "Traceback" not in said


async def test_a_broker_without_the_queues_stops_the_start_with_the_command_that_makes_them(start, rabbitmq):
    url = rabbitmq.add_vhost("without-queues")
    code, said = await ends(await start(SOUK_ROLE="all", AMQP_URL=url))
    rabbitmq.drop_vhost("without-queues")
    assert code == 1
    assert said.splitlines()[-1] == "The broker has no queue 'greeter': run `souk topology apply`."
    assert "Traceback" not in said


async def test_the_word_migrate_brings_the_database_up_and_ends(start, make_database, ask, open_service_database):
    url = await make_database("greeter")
    for _ in range(2):
        code, said = await ends(await start("migrate", DATABASE_URL_GREETER=url))
        assert code == 0, said
    database = await open_service_database("greeter", url=url)
    assert [row["version_num"] for row in await ask(database, "SELECT version_num FROM alembic_version")] == ["0001"]
