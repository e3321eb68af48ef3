"""The inbox: each fact has one effect, however often and beside whatever else it arrives."""

import asyncio

import pytest
from sqlalchemy import text

from common.db import fetch
from common.events import Envelope, Trace, new_id
from common.inbox import EventRouter, Inbox
from common.testing import encode

from .hearing import Counted, Gathered, Listener, Opened, asks_nonsense, counted, fails, hangs, leaks


@pytest.fixture
async def listener(open_service_database, metrics):
    return Listener(await open_service_database("listener"), metrics)


async def test_the_same_event_fifty_times_in_parallel_on_two_inboxes_has_one_effect(
    listener, open_service_database, metrics
):
    url = listener.database.engine.url.render_as_string(hide_password=False)
    other = Listener(await open_service_database("listener", url=url), metrics)
    subject, body = counted()
    await asyncio.gather(*((listener, other)[number % 2].take(body, body) for number in range(50)))
    assert await listener.effects() == [subject]
    assert (await listener.row())["status"] == "done"


async def test_a_batch_is_one_transaction_in_the_order_of_the_ids(listener):
    pairs = [counted() for _ in range(20)]
    await listener.take(*[body for _, body in reversed(pairs)])
    assert listener.calls == [subject for subject, _ in pairs]
    async with listener.database.reading() as session:
        assert (await fetch(session, "SELECT count(DISTINCT xmin::text) FROM effects"))[0][0] == 1


@pytest.mark.parametrize("trouble", [fails, hangs, leaks, asks_nonsense])
async def test_one_that_fails_does_not_hold_up_the_rest(listener, trouble):
    pairs = [counted() for _ in range(5)]
    bad = pairs[2][0]
    listener.fail[bad] = trouble
    await listener.take(*[body for _, body in pairs])
    assert await listener.effects() == sorted(subject for subject, _ in pairs if subject != bad)
    [waiting] = [row for row in await listener.rows() if row["status"] == "waiting"]
    assert waiting["attempts"] == 1
    assert waiting["error"]
    assert waiting["body"] == pairs[2][1]
    del listener.fail[bad]
    await listener.retry()
    assert len(await listener.effects()) == 5
    assert {row["status"] for row in await listener.rows()} == {"done"}


async def test_a_deadlock_in_a_batch_costs_nothing_but_time(listener, open_service_database, metrics):
    url = listener.database.engine.url.render_as_string(hide_password=False)
    other = Listener(await open_service_database("listener", url=url), metrics, handler_limit=5)
    listener.policy = other.policy
    listener.inbox = Inbox(listener.database, listener.router, metrics, other.policy)
    async with listener.database.transaction() as session:
        await session.execute(text("CREATE TABLE counters (name int PRIMARY KEY, value int)"))
        await session.execute(text("INSERT INTO counters VALUES (1, 0), (2, 0)"))

    held = set()

    def bump(name):
        async def run(session):
            await fetch(session, "SET LOCAL deadlock_timeout = '20ms'")
            await fetch(session, "UPDATE counters SET value = value + 1 WHERE name = $1", name)
            held.add(name)
            while len(held) < 2:
                await asyncio.sleep(0.01)

        return run

    (a1, ab1), (a2, ab2), (b1, bb1), (b2, bb2) = [counted() for _ in range(4)]
    listener.fail |= {a1: bump(1), a2: bump(2)}
    other.fail |= {b1: bump(2), b2: bump(1)}
    await asyncio.gather(listener.take(ab1, ab2), other.take(bb1, bb2))
    assert len(await listener.effects()) == 4
    async with listener.database.reading() as session:
        assert [row["value"] for row in await fetch(session, "SELECT value FROM counters")] == [2, 2]
    assert len(listener.calls) + len(other.calls) > 4


async def test_a_handler_cancelled_from_outside_leaves_nothing(listener):
    subject, body = counted()
    listener.fail[subject] = hangs
    task = asyncio.create_task(listener.take(body))
    while not listener.calls:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await listener.effects() == []
    assert await listener.rows() == []


async def test_handlers_of_sets_get_sets_and_each_fact_its_own_cause(listener):
    traces = [Trace(correlation_id=f"c{number}") for number in range(3)]
    facts = [Gathered(subject_id=new_id()) for _ in traces]
    bodies = [encode(fact, trace=trace) for fact, trace in zip(facts, traces, strict=True)]
    await listener.take(*bodies, counted()[1])
    assert listener.sets == [[fact.subject_id for fact in facts]]
    told = await told_by(listener.database)
    assert [(e.correlationid, e.causationid) for e in told] == [
        (trace.correlation_id, str(Envelope.parse(body).id)) for trace, body in zip(traces, bodies, strict=True)
    ]


async def told_by(database):
    async with database.reading() as session:
        rows = await fetch(session, "SELECT body FROM outbox ORDER BY id")
    return [Envelope.parse(row["body"]) for row in rows]


@pytest.mark.parametrize("redelivered", [False, True])
async def test_what_a_handler_tells_names_its_cause(listener, redelivered):
    body = encode(Opened(subject_id=new_id()), trace=Trace(correlation_id="from-the-request", channel="WEBHOOK"))
    await listener.take(body, redelivered=redelivered)
    await listener.retry()
    [told] = await told_by(listener.database)
    assert told.correlationid == "from-the-request"
    assert told.causationid == str(Envelope.parse(body).id)
    assert told.channel == "WEBHOOK"


def test_a_type_has_one_handler():
    router = EventRouter("listener")
    router.on(Counted)(None)
    with pytest.raises(ValueError, match=r"listener already has a handler for test\.counted"):
        router.on_many(Counted)(None)
