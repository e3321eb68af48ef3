"""Spans: a request and all it causes are one trace, whoever has a hand in it, and tell nothing of what was in it."""

import asyncio
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from sqlalchemy import text

from common.broker import Delivery, Message, NotConfirmed
from common.db import fetch
from common.events import Envelope, Trace, new_id, with_sequence
from common.inbox import EventRouter
from common.migrations import migrate
from common.outbox import Relay, emit
from common.outbox.relay import RelayPolicy
from common.serve import listening
from common.telemetry import collecting, current_trace, span, spans, statements, tracing
from common.telemetry.starting import headers
from common.telemetry.statements import summary
from common.testing import encode, one_service
from souk.machines.ports import free_port

from .collector import Album, Collector
from .greeter.main import MIGRATIONS, Answered, Greeted, build
from .hearing import Counted, Gathered, Listener
from .telling import Listener as Hearer

CLIENT = f"00-{'a' * 32}-{'b' * 16}-01"
SECRET = "4242-hush"


@pytest.fixture
async def album():
    """Collects the spans of the services that the tests make."""
    album = Album()
    stops = [collecting.start(name, SimpleSpanProcessor(album)) for name in ("greeter", "test", "listener")]
    yield album
    for stop in stops:
        await stop()


@pytest.fixture
async def greeter(make_database):
    url = await make_database("greeter", template="greeter", prepare=partial(migrate, folder=MIGRATIONS))
    made = await one_service(build, MIGRATIONS, url)
    statements.watch(made.database.engine.sync_engine)
    yield made
    await made.close()


@pytest.fixture
async def listener(open_service_database, metrics):
    return Listener(await open_service_database("listener"), metrics)


async def test_a_request_its_event_and_what_the_handler_tells_are_one_trace(greeter, album):
    await greeter.client.post("/greetings", headers={"traceparent": CLIENT})
    request = album.only("POST /api/v1/greetings")
    assert (request.kind, request.trace_id, request.parent) == ("SERVER", "a" * 32, "b" * 16)
    assert request.values["http.response.status_code"] == 201
    [greeted] = await greeter.told("test.greeted")
    assert greeted.traceparent == request.traceparent
    assert request.values["souk.correlation_id"] == greeted.correlationid
    await greeter.inbox.take([Delivery(with_sequence(greeted.encode(), 1))])
    handled = album.only("process test.greeted")
    assert (handled.kind, handled.trace_id, handled.parent) == ("CONSUMER", request.trace_id, request.id)
    assert handled.values["messaging.message.id"] == str(greeted.id)
    [answered] = await greeter.told("test.answered")
    assert answered.traceparent == handled.traceparent


async def test_sql_hangs_on_what_it_is_run_for(greeter, album):
    await greeter.client.post("/greetings")
    request, commit, insert = (album.only(name) for name in ("POST /api/v1/greetings", "COMMIT", "INSERT outbox"))
    assert {commit.parent, insert.parent} == {request.id}
    assert insert.values["db.query.text"].startswith("INSERT INTO outbox")
    before = len(album.spans)
    async with greeter.database.reading() as session:
        await fetch(session, "SELECT count(*) FROM outbox")
    assert len(album.spans) == before


async def test_a_statement_that_fails_says_so_without_its_words(greeter, album):
    async with greeter.database.reading() as session:
        for ask in (lambda: session.execute(text("SELECT 1 FROM nowhere")), lambda: fetch(session, "SELECT 1/0")):
            with suppress(Exception), span("greeter", "look"):
                await ask()
    by_sqlalchemy, by_asyncpg = (seen for seen in album.spans if seen.name != "look")
    assert (by_sqlalchemy.name, by_sqlalchemy.failed) == ("SELECT nowhere", True)
    assert (by_asyncpg.failed, by_asyncpg.values["error.type"]) == (True, "DivisionByZeroError")
    assert [seen.failed for seen in album.named("look")] == [True, True]
    assert all(not seen.events for seen in album.spans)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("COMMIT", "COMMIT"),
        ("", "nothing"),
        ("SELECT a, b \nFROM products WHERE x", "SELECT products"),
        ("INSERT INTO outbox (id) SELECT * FROM unnest($1::uuid[])", "INSERT outbox"),
        ("UPDATE payments SET a = 1 WHERE id IN (SELECT id FROM other)", "UPDATE payments"),
        ("DELETE FROM idempotency_keys", "DELETE idempotency_keys"),
        ("WITH due AS (\n SELECT 1), fresh AS (SELECT 1 FROM due) SELECT * FROM fresh, orders", "WITH"),
        ("WITH fresh AS (INSERT INTO inbox (id) SELECT 1) SELECT id FROM fresh", "INSERT inbox"),
        ("SELECT id FROM assets ORDER BY id FOR UPDATE OF assets SKIP LOCKED", "SELECT assets"),
    ],
)
def test_a_statement_is_named_by_its_deed_and_its_table(sql, words):
    assert summary(sql) == words


async def test_a_set_hangs_on_its_first_fact_and_is_linked_to_the_others(listener, album):
    traces = [Trace(f"c{n}", traceparent=f"00-{n:032x}-{n:016x}-01") for n in (1, 2, 3)]
    await listener.take(*(encode_under(Gathered(subject_id=new_id()), trace) for trace in traces))
    handled = album.only("process test.gathered")
    assert (handled.trace_id, handled.parent) == (f"{1:032x}", f"{1:016x}")
    assert [link.context.trace_id for link in handled.links] == [2, 3]
    assert handled.values["messaging.batch.message_count"] == 3


def encode_under(fact, trace):
    envelope = Envelope.parse(encode(fact, trace=trace))
    return with_sequence(Envelope(**{name: getattr(envelope, name) for name in FIELDS} | {
        "traceparent": trace.traceparent, "sequence": None}).encode(), 1)  # fmt: skip


FIELDS = Envelope.__dataclass_fields__


async def test_a_handler_that_fails_says_so_without_its_words(listener, album):
    async def breaks(_session):
        raise ValueError(SECRET)

    fact = Counted(subject_id=new_id())
    listener.fail[fact.subject_id] = breaks
    await listener.take(encode(fact))
    handled = album.named("process test.counted")
    assert [(seen.failed, seen.values["error.type"], seen.events) for seen in handled] == [(True, "ValueError", ())] * 2
    assert SECRET not in str([seen.values for seen in album.spans])


async def test_what_nobody_asked_for_begins_a_trace(greeter, album):
    async with greeter.database.transaction() as session:
        emit(session, Answered(greeting_id=new_id()))
    [told] = await greeter.told()
    begun = album.only("tell test.answered")
    assert (begun.parent, told.traceparent) == (None, begun.traceparent)


async def test_publishing_hangs_on_what_told_the_fact(open_service_database, metrics, background, eventually, album):
    database, heard = await open_service_database("listener"), Hearer()
    background(heard.wire.consume("listener", "live", heard.take))
    with tracing(Trace("c", traceparent=CLIENT)):
        async with database.transaction() as session:
            emit(session, Counted(subject_id=new_id()))
    background(Relay(database, heard.wire, metrics, RelayPolicy(poll=0.05)).run())
    await eventually(lambda: album.named("publish test.counted"))
    published = album.only("publish test.counted")
    assert (published.kind, published.trace_id, published.parent) == ("PRODUCER", "a" * 32, "b" * 16)
    assert not published.failed


def test_a_publish_without_a_confirm_is_a_failure(album):
    body = Message(new_id(), "test.lost", "live", b'{"traceparent":"%s","data":{}}' % CLIENT.encode())
    spans.published(
        "test", time.time_ns(), [("test.lost", body.body, NotConfirmed.__name__), ("test.old", b"{}", None)]
    )
    [lost] = album.spans
    assert (lost.name, lost.failed, lost.values["error.type"]) == ("publish test.lost", True, "NotConfirmed")


async def test_a_trace_that_its_beginner_does_not_keep_is_kept_nowhere_and_goes_on(greeter, album):
    await greeter.client.post("/greetings", headers={"traceparent": CLIENT[:-2] + "00"})
    [greeted] = await greeter.told("test.greeted")
    assert greeted.traceparent.startswith(f"00-{'a' * 32}-")
    assert greeted.traceparent.endswith("-00")
    assert album.spans == []


def test_without_a_collector_the_sdk_is_not_even_loaded():
    script = "import sys, common.serve, common.testing; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


async def test_without_a_collector_there_are_no_spans_and_a_clients_trace_goes_on_as_it_is(greeter):
    assert span("greeter", "a") is span("greeter", "b")
    await greeter.client.post("/greetings", headers={"traceparent": CLIENT})
    await greeter.client.post("/greetings", headers={"traceparent": "00-nonsense"})
    assert [fact.traceparent for fact in await greeter.told("test.greeted")] == [CLIENT, None]
    with tracing(Trace("c", traceparent=CLIENT)), span("greeter", "a"):
        assert current_trace().traceparent == CLIENT


async def test_spans_tell_nothing_of_what_was_asked(greeter, album):
    await greeter.client.post(
        f"/greetings?q={SECRET}", headers={"Authorization": f"Bearer {SECRET}", "Idempotency-Key": SECRET}
    )
    await greeter.client.get(f"/nowhere/{SECRET}")
    async with greeter.database.transaction() as session:
        with span("greeter", "look"):
            await session.execute(text("SELECT id FROM outbox WHERE type = :type"), {"type": SECRET})
            await fetch(session, "SELECT id FROM outbox WHERE type = $1", SECRET)
    assert len(album.spans) >= 5
    assert SECRET not in str([(seen.name, seen.values) for seen in album.spans])


@pytest.fixture
async def collector():
    made, port = Collector(), free_port()
    made.url = f"http://127.0.0.1:{port}"
    async with listening(made.app, "127.0.0.1", port):
        yield made


async def test_a_collector_that_is_named_gets_the_spans_by_otlp(make_database, collector):
    url = await make_database("greeter", template="greeter", prepare=partial(migrate, folder=MIGRATIONS))
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}/", "OTEL_EXPORTER_OTLP_HEADERS": "X-Token=a%20b"}
    greeter = await one_service(build, MIGRATIONS, url, named)
    await greeter.client.post("/greetings")
    await greeter.close()
    [resource] = [part for request in collector.requests for part in request.resource_spans]
    told = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert (told["service.name"], told["service.namespace"]) == ("souk-greeter", "souk")
    names = {made.name for scope in resource.scope_spans for made in scope.spans}
    assert {"POST /api/v1/greetings", "INSERT outbox", "COMMIT"} <= names
    assert collector.headers[0]["x-token"] == "a b"
    assert span("greeter", "a") is span("greeter", "b")


async def test_a_share_of_traces_is_kept_whole(make_database, collector):
    url = await make_database("greeter", template="greeter", prepare=partial(migrate, folder=MIGRATIONS))
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_SAMPLER_ARG": "0"}
    greeter = await one_service(build, MIGRATIONS, url, named)
    await greeter.client.post("/greetings")
    await greeter.client.post("/greetings", headers={"traceparent": CLIENT})
    await greeter.close()
    [kept] = {
        made.trace_id.hex()
        for request in collector.requests
        for part in request.resource_spans
        for scope in part.scope_spans
        for made in scope.spans
    }
    assert kept == "a" * 32


async def test_a_collector_that_hangs_does_not_hold_up_a_stop(make_database, monkeypatch):
    monkeypatch.setattr(collecting, "_LAST_ONES", 0.3)
    url = await make_database("greeter", template="greeter", prepare=partial(migrate, folder=MIGRATIONS))
    released = asyncio.Event()

    async def hangs(_reader, writer):
        await released.wait()
        writer.close()

    silent = await asyncio.start_server(hangs, "127.0.0.1")
    port = silent.sockets[0].getsockname()[1]
    greeter = await one_service(build, MIGRATIONS, url, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"})
    await greeter.client.post("/greetings")
    async with asyncio.timeout(2):
        await greeter.close()
    released.set()
    silent.close()
    await silent.wait_closed()


def test_headers_are_pairs_percent_encoded():
    assert headers("Authorization=Basic%20YQ==, X-Team = shop,") == {"authorization": "Basic YQ==", "x-team": "shop"}
    assert headers("") == {}


async def test_a_router_without_the_type_has_nothing_to_tell(listener, album):
    listener.inbox._router = EventRouter("listener")
    await listener.take(encode(Greeted(greeting_id=new_id())))
    assert album.spans == []
