"""A service put together: what its doors share, how it says that it is well, and how it is driven in a test."""

import asyncio
from functools import partial

import httpx2
import pytest
from structlog.testing import capture_logs

from common.broker import Delivery, InProcessWire, RabbitWire
from common.events import Envelope, Trace, new_id, with_sequence
from common.inbox import EventRouter
from common.loops import Loop
from common.migrations import migrate
from common.outbox import emit
from common.serve import internal_app, serving
from common.service import opener, sealer
from common.settings import BadSetting, ServiceSettings
from common.testing import OneService, bearer, encode, one_service, open_as, seal_for, seal_settings
from souk.machines.ports import free_port

from .greeter.main import MIGRATIONS, Answered, Greeted, build


@pytest.fixture
async def greeter(make_database):
    url = await make_database("greeter", template="greeter", prepare=partial(migrate, folder=MIGRATIONS))
    made = await one_service(build, MIGRATIONS, url)
    yield made
    await made.close()


@pytest.fixture
async def put_together(machinery_url):
    services = []

    def make(wire=None, doors=None, **settings):
        given = {"DATABASE_URL_GREETER": machinery_url, "WIRE": "inprocess", **settings}
        services.append(build(given, wire or InProcessWire(), **doors or {}))
        return services[-1]

    yield make
    for service in services:
        await service.close()


def bound(service):
    service.wire.bind(service.name, service.events.types)
    return service


async def test_what_a_request_tells_carries_its_id_through_the_handler_to_the_next_fact(greeter):
    answer = await greeter.client.post("/greetings", headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
    [greeted] = await greeter.told("test.greeted")
    assert greeted.correlationid == answer.headers["x-request-id"]
    assert (greeted.source, greeted.channel, greeted.causationid) == ("/greeter", "API", None)
    fact = Greeted(greeting_id=new_id())
    await greeter.hear(fact, fact)
    await greeter.inbox.take([delivered(greeted)])
    answered = (await greeter.told("test.answered"))[-1]
    assert answered.correlationid == greeted.correlationid
    assert answered.causationid == str(greeted.id)
    assert answered.traceparent == greeted.traceparent
    assert answered.channel == "API"


def delivered(envelope):
    return Delivery(with_sequence(envelope.encode(), 1))


async def test_a_fact_that_waits_is_worked_when_the_test_says_so(greeter):
    await greeter.hear(Greeted(greeting_id=new_id()), redelivered=True)
    assert (await greeter.inbox_rows("waiting"), await greeter.told()) == (["test.greeted"], [])
    await greeter.work_waiting()
    assert (await greeter.inbox_rows("done"), len(await greeter.told("test.answered"))) == (["test.greeted"], 1)


async def test_loops_are_worked_until_none_finds_anything(put_together):
    left = {"first": 3, "second": 1}

    def counting(name):
        async def run():
            left[name] -= left[name] > 0
            return int(left[name] > 0)

        return Loop(name, run, 60)

    service = put_together(doors={"loops": [counting(name) for name in left]})
    assert await OneService(service).work_loops("first") == 2
    assert left == {"first": 0, "second": 1}


async def test_secrets_are_sealed_for_one_service_by_its_settings(put_together):
    service = put_together(**seal_settings("greeter"))
    sealed = sealer(service.settings).seal("a code", "orders")
    assert open_as("orders", sealed) == "a code"
    assert opener(service.settings).open(seal_for("greeter", "an answer")) == "an answer"
    with pytest.raises(BadSetting, match="SEAL_PRIVATE_KEY is missing: `souk keys greeter` makes one"):
        opener(put_together().settings)


@pytest.mark.parametrize("key", ["{}", '{"kty": "EC"}', '{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "c"}'])
def test_what_is_no_key_stops_the_start_with_a_sentence(put_together, key):
    with pytest.raises(BadSetting, match="SEAL_PRIVATE_KEY is no key"):
        opener(put_together(SEAL_PRIVATE_KEY=key).settings)
    with pytest.raises(BadSetting, match="SEAL_PUBLIC_KEYS holds something else than keys"):
        sealer(put_together(SEAL_PUBLIC_KEYS=f'{{"orders": {key}}}').settings)


async def test_a_service_is_ready_when_it_has_keys_and_hears_and_says_what_is_missing(put_together, eventually):
    service = bound(put_together())
    assert service.problems() == ["no signing keys yet", "live lane not consumed", "bulk lane not consumed"]
    async with service.running():
        await eventually(lambda: service.problems() == [])
        assert service.relay
    assert service.problems()[0] == "stopping"
    assert service.dead() == []


async def test_what_a_service_listens_to_is_what_its_handlers_are_for(put_together):
    hearer = put_together().hearer
    assert (hearer.service, hearer.types) == ("greeter", {"test.greeted"})


class Doubtful(ServiceSettings):
    """Settings that can be used, and hardly are meant."""

    @property
    def doubts(self) -> tuple[str, ...]:
        return ("NOBODY is not set: nobody hears.",)


async def test_what_is_doubtful_about_the_settings_is_in_the_log_at_the_start(put_together):
    service = put_together(SOUK_ROLE="api")
    service.settings = Doubtful(**service.settings.model_dump())
    with capture_logs() as logs:
        async with service.running():
            pass
    assert logs[0] == {"event": "NOBODY is not set: nobody hears.", "service": "greeter", "log_level": "warning"}


async def test_an_api_neither_hears_nor_relays(put_together, eventually):
    service = put_together(SOUK_ROLE="api")
    async with service.running():
        await eventually(lambda: service.problems() == [])
        assert service.relay is None


@pytest.mark.parametrize("how", ["raises", "is cancelled"])
async def test_a_worker_that_died_is_said_by_both_health_pages(put_together, eventually, how):
    async def dies(_keyring, _database):
        if how == "raises":
            raise ZeroDivisionError
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    service = put_together(doors={"key_source": dies, "events": EventRouter("greeter")})
    transport = httpx2.ASGITransport(internal_app([service]))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test/greeter/health") as client:
        assert (await client.get("/live")).status_code == 200
        async with service.running():
            await eventually(service.dead)
            live, ready = await client.get("/live"), await client.get("/ready")
        assert (live.status_code, live.json()) == (503, {"status": "dead", "problems": ["greeter keys died"]})
        assert ready.status_code == 503
        assert ready.json()["problems"] == ["no signing keys yet", "greeter keys died"]


async def test_a_broker_that_is_away_does_not_stop_a_service(put_together, captured_logs, eventually):
    service = put_together(RabbitWire("amqp://127.0.0.1:1/"), WIRE="rabbitmq", AMQP_URL="amqp://127.0.0.1:1/")
    async with service.running():
        assert "live lane not consumed" in service.problems()
        await eventually(lambda: "consumer lost, trying again" in [line["event"] for line in captured_logs])
        assert service.dead() == []
    assert "broker out of reach at start" in [line["event"] for line in captured_logs]


async def test_keys_come_from_the_address_in_the_settings_unless_the_service_has_its_own(put_together, captured_logs):
    service = bound(put_together(doors={"key_source": None}, JWKS_URL="http://127.0.0.1:1/keys"))
    async with service.running():
        async with asyncio.timeout(10):
            while not any(line["event"] == "key set not refreshed" for line in captured_logs):
                await asyncio.sleep(0.02)
    assert service.problems()[1] == "no signing keys yet"


async def test_work_that_will_not_end_is_left_behind_when_the_grace_is_over(put_together, eventually):
    released = asyncio.Event()

    async def stubborn(_keyring, _database):
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    service = bound(put_together(doors={"key_source": stubborn}, SHUTDOWN_GRACE="100ms"))
    async with asyncio.timeout(5), service.running():
        await asyncio.sleep(0.05)
    released.set()
    await eventually(lambda: all(task.done() for task in service._tasks))


async def test_what_a_service_opened_is_closed_with_it(put_together):
    closed = []

    async def close():
        closed.append("own")

    service = put_together(doors={"closing": [close]}, PORT=str(free_port()), INTERNAL_PORT=str(free_port()))
    async with serving([bound(service)], service.app, service.settings):
        assert closed == []
    assert closed == ["own"]
    assert service.stopping


async def test_two_services_share_one_public_and_one_internal_port(put_together, eventually):
    first = bound(put_together(PORT=str(free_port()), INTERNAL_PORT=str(free_port())))
    second = put_together(doors={"events": EventRouter("other")})
    second.name = "other"
    async with serving([first, second], first.app, first.settings), httpx2.AsyncClient() as client:
        for name in ("greeter", "other"):
            url = f"http://127.0.0.1:{first.settings.internal}/{name}/health/ready"

            async def ready(url=url):
                return (await client.get(url)).status_code == 200

            await eventually(ready)
            metrics = await client.get(url.replace("health/ready", "metrics"))
            assert "souk_outbox_unsent" in metrics.text
        for page in ("health/live", "health/ready", "metrics"):
            nobody = await client.get(f"http://127.0.0.1:{first.settings.internal}/nobody/{page}")
            assert nobody.status_code == 404


async def test_a_bearer_of_the_tests_is_known_to_the_service(greeter):
    headers = bearer(user := new_id(), "admin")
    known = greeter.service.keyring.verify(headers["Authorization"].partition(" ")[2])
    assert (known.id, known.has("admin")) == (user, True)


def test_a_fact_of_the_tests_looks_like_one_of_another_service():
    body = encode(fact := Answered(greeting_id=new_id()), source="/other", trace=Trace("c", "cause", "WEBHOOK"))
    envelope = Envelope.parse(body)
    assert (envelope.source, envelope.correlationid, envelope.causationid) == ("/other", "c", "cause")
    assert (envelope.subject, envelope.sequence, envelope.channel) == (fact.subject, 1, "WEBHOOK")


async def test_facts_told_outside_a_request_have_an_id_of_their_own(greeter):
    async with greeter.database.transaction() as session:
        emit(session, Answered(greeting_id=new_id()))
    [told] = await greeter.told()
    assert told.correlationid
    assert (told.channel, told.authtype) == ("SYSTEM", "system")
