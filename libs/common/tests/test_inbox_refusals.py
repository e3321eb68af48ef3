"""What the inbox cannot read is stored and parked; what it cannot store is not acknowledged."""

import asyncio
from uuid import UUID

import orjson
import pytest

from common.broker import Delivery, InProcessWire, Message
from common.db import fetch
from common.events import Event, new_id
from common.inbox import EventRouter, Inbox, InboxPolicy, Retries
from common.inbox.retries import list_parked, retry_parked, show_parked
from common.testing import encode


class Counted(Event, wire="test.counted", subject="subject_id"):
    subject_id: UUID
    amount: int = 1


class Everything(Event, wire="#"):
    pass


EVENTS = EventRouter("listener")


@EVENTS.on(Counted)
async def count(event, session):
    await fetch(session, "INSERT INTO effects VALUES ($1, $2)", event.subject_id, event.amount)


def changed(**attributes):
    raw = orjson.loads(encode(Counted(subject_id=new_id())))
    return orjson.dumps({name: value for name, value in (raw | attributes).items() if value is not ...})


UNREADABLE = {
    "no JSON": b"\xff\xfe nonsense",
    "nothing": b"",
    "an array": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "no id": changed(id=...),
    "an id that is none": changed(id="42"),
    "a number as id": changed(id=42),
    "NUL in the type": changed(type="test.\x00counted"),
    "NUL in the subject": changed(subject="\x00"),
    "a partition key too long for an index": changed(partitionkey="x" * 10_000),
    "no data": changed(data=...),
    "data that is text": changed(data="text"),
    "a time that is none": changed(time="yesterday"),
    "a sequence too large": changed(sequence="9" * 30),
    "a sequence of thousands of digits": changed(sequence="9" * 5000),
    "a sequence that is a number": changed(sequence=1.5),
    "a channel nobody knows": changed(channel="PIGEON"),
    "a trace that is none": changed(traceparent={"a": 1}),
}
REFUSED = {
    "an unknown type": (changed(type="test.unknown"), "unknown event type"),
    "data without its fields": (changed(data={}), "the data does not fit: subject_id"),
    "data of another type": (changed(data={"subject_id": "x", "amount": "\x00"}), "the data does not fit: subject_id"),
}


@pytest.fixture
async def database(open_service_database):
    return await open_service_database("listener")


@pytest.fixture
def inbox(database, metrics):
    return Inbox(database, EVENTS, metrics, InboxPolicy(handler_limit=1))


@pytest.fixture
def retries(database, metrics):
    return Retries(database, EVENTS, metrics, InboxPolicy(handler_limit=1, first_wait=0.01))


async def test_what_cannot_be_read_is_stored_byte_by_byte_and_parked_once(inbox, database):
    good = encode(Counted(subject_id=new_id()))
    for _ in range(2):
        await inbox.take([Delivery(body, redelivered=True) for body in UNREADABLE.values()])
        await inbox.take([Delivery(body) for body in [*UNREADABLE.values(), good]])
    parked = await list_parked(database)
    assert len(parked) == len(UNREADABLE)
    for row in parked:
        shown = await show_parked(database, row["id"])
        assert shown["body"] in UNREADABLE.values()
        assert row["error"].startswith("no CloudEvents envelope")
        assert str(row["id"]).startswith("ffffffff-ffff-")
    async with database.reading() as session:
        assert len(await fetch(session, "SELECT FROM effects")) == 1


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_worked_is_parked_with_its_reason(inbox, database, retries, case):
    body, reason = REFUSED[case]
    await inbox.take([Delivery(body)])
    [row] = await list_parked(database)
    assert row["error"].startswith(reason)
    assert await retry_parked(database) == 1
    await retries.work_due()
    [row] = await list_parked(database)
    assert row["error"].startswith(reason)


async def test_twenty_megabytes_are_parked_too(inbox, database):
    await inbox.take([Delivery(b"x" * 20_000_000)])
    assert len(await list_parked(database)) == 1


async def test_a_parked_event_is_tried_again_when_an_operator_asks(inbox, retries, database, background, eventually):
    event = encode(Counted(subject_id=new_id()))
    route = EVENTS.routes.pop("test.counted")
    try:
        await inbox.take([Delivery(event), Delivery(UNREADABLE["no JSON"])])
    finally:
        EVENTS.routes["test.counted"] = route
    background(retries.run())
    parked = await list_parked(database)
    [wanted] = [row["id"] for row in parked if row["type"] == "test.counted"]
    assert await retry_parked(database, [new_id()]) == 0
    assert await retry_parked(database, [wanted]) == 1

    async def effects():
        async with database.reading() as session:
            return await fetch(session, "SELECT FROM effects")

    await eventually(effects)
    assert len(await list_parked(database)) == 1
    assert await show_parked(database, new_id()) is None


async def test_who_listens_to_everything_gets_types_it_never_heard_of(database, metrics):
    heard, events = [], EventRouter("audit")

    @events.on(Everything)
    async def keep(event, _session):
        heard.append(event)

    await Inbox(database, events, metrics).take([Delivery(changed(type="test.unknown"))])
    assert len(heard) == 1


async def test_nothing_is_acknowledged_while_the_database_is_away(
    database, metrics, open_service_database, through_proxy, background
):
    proxy = await through_proxy(database.engine.url.render_as_string(hide_password=False))
    flaky = await open_service_database("listener", url=proxy.url)
    wire = InProcessWire(confirm_timeout=0.5, retry_pause=0.05)
    wire.bind("listener", ["test.counted"])
    background(wire.consume("listener", "live", Inbox(flaky, EVENTS, metrics).take))
    messages = [Message(new_id(), "test.counted", "live", encode(Counted(subject_id=new_id()))) for _ in range(3)]
    assert await wire.publish(messages[:1]) == [None]
    server, target = proxy._server, proxy._target
    proxy._target = ("127.0.0.1", 1)
    proxy.cut()
    assert await wire.publish(messages[1:]) != [None, None]
    proxy._target = target
    assert await asyncio.wait_for(confirmed(wire, messages[1:]), 10)
    assert server.is_serving()
    async with database.reading() as session:
        assert len(await fetch(session, "SELECT FROM effects")) == 3


async def confirmed(wire, messages):
    while await wire.publish(messages) != [None] * len(messages):
        await asyncio.sleep(0.05)
    return True


async def test_retries_go_on_after_the_database_was_away(
    database, inbox, metrics, open_service_database, through_proxy, background, eventually
):
    proxy = await through_proxy(database.engine.url.render_as_string(hide_password=False))
    flaky = await open_service_database("listener", url=proxy.url)
    retries = Retries(flaky, EVENTS, metrics, InboxPolicy(poll=0.05))
    background(retries.run())
    proxy.cut()
    await inbox.take([Delivery(encode(Counted(subject_id=new_id())), redelivered=True)])

    async def effects():
        async with database.reading() as session:
            return await fetch(session, "SELECT FROM effects")

    await eventually(effects)


async def test_ids_that_come_twice_in_one_batch_have_one_effect(inbox, database):
    body = encode(Counted(subject_id=new_id()))
    await inbox.take([Delivery(body), Delivery(body, redelivered=True), Delivery(body)])
    await inbox.take([Delivery(body)])
    async with database.reading() as session:
        assert len(await fetch(session, "SELECT FROM inbox")) == 1
