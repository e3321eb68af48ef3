"""What a running service shows of itself, at every look anew."""

import asyncio
from functools import partial

import httpx2
import pytest
from prometheus_client import generate_latest

from common.broker import InProcessWire
from common.migrations import migrate
from common.serve import internal_app
from common.vitals import details, show

from .greeter.main import MIGRATIONS, build


@pytest.fixture
async def service(make_database):
    url = await make_database("greeter", template="greeter", prepare=partial(migrate, folder=MIGRATIONS))
    wire = InProcessWire()
    made = build({"DATABASE_URL_GREETER": url, "WIRE": "inprocess", "DATABASE_POOL": "3"}, wire)
    wire.bind(made.name, made.events.types)
    show(made)
    yield made
    await made.close()


def gauge(service, name, **labels):
    return service.metrics.registry.get_sample_value(f"souk_{name}", labels)


async def test_gauges_say_how_the_process_is_now(service, eventually):
    assert (gauge(service, "ready"), gauge(service, "consumers", queue="greeter")) == (0, 0)
    async with service.running():
        await eventually(lambda: gauge(service, "ready") == 1 and gauge(service, "relay_leading") == 1)
        assert [gauge(service, "consumers", queue=queue) for queue in ("greeter", "greeter.bulk")] == [1, 1]
        assert gauge(service, "queue_ready", queue="greeter") == 0
        assert gauge(service, "dead_workers") == 0
        await eventually(lambda: gauge(service, "database_pool_used") == 0)
        async with service.database.transaction() as session:
            await session.connection()
            assert gauge(service, "database_pool_used") >= 1
        assert gauge(service, "database_pool_size") == 3
    assert gauge(service, "ready") == 0


async def test_a_worker_that_died_is_counted(service, eventually):
    async with service.running():
        service._tasks[0].cancel()
        await eventually(lambda: gauge(service, "dead_workers") == 1)
        assert details(service)["workers"]["wake-ups"] == "died"


async def test_readiness_tells_of_workers_and_lanes(service, eventually):
    transport = httpx2.ASGITransport(internal_app([service]))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test/greeter/health") as client:
        said = (await client.get("/ready")).json()
        assert (said["status"], said["workers"]) == ("unavailable", {})
        async with service.running():
            await eventually(lambda: not service.problems() and details(service)["leads"])
            said = (await client.get("/ready")).json()
    assert (said["status"], said["problems"], said["role"], said["leads"]) == ("ok", [], "all", True)
    assert said["lanes"] == {lane: {"consumed": True, "ready": 0} for lane in ("live", "bulk")}
    assert {"relay", "retries", "live consumer", "gauges"} <= said["workers"].keys()
    assert set(said["workers"].values()) == {"running"}


async def test_a_page_of_metrics_can_be_read_at_any_time(service):
    assert b"souk_ready 0.0" in generate_latest(service.metrics.registry)
    async with service.running():
        await asyncio.sleep(0)
        page = generate_latest(service.metrics.registry)
    assert b'souk_consumers{queue="greeter"}' in page
    assert b"process_resident_memory_bytes" in page
