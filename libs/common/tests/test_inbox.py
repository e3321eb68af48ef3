"""The inbox: each fact has one effect, however often, in whatever order and beside whatever else it arrives."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from common.broker import Delivery
from common.db import fetch
from common.errors import NotYet
from common.events import Envelope, Event, Trace, new_id
from common.inbox import EventRouter, Inbox, InboxPolicy, Retries
from common.outbox import emit
from common.testing import encode


class Counted(Event, wire="test.counted", subject="subject_id"):
    subject_id: UUID
    amount: int = 1


class Opened(Event, wire="test.opened", subject="subject_id"):
    subject_id: UUID


class Gathered(Event, wire="test.gathered", subject="subject_id"):
    subject_id: UUID


class Followed(Event, wire="test.followed", subject="subject_id", heard=False):
    subject_id: UUID


class Listener:
    """A service of handlers only; `fail` decides what goes wrong, per subject."""

    def __init__(self, database, metrics, **policy):
        self.database, self.metrics = database, metrics
        self.policy = InboxPolicy(**{"handler_limit": 0.3, "first_wait": 0.01, "attempts": 3, **policy})
        self.router = EventRouter("listener")
        self.calls, self.sets, self.fail = [], [], {}
        self.router.on(Counted)(self.count)
        self.router.on(Opened)(self.open)
        self.router.on_many(Gathered)(self.gather)
        self.inbox = Inbox(database, self.router, metrics, self.policy)
        self.retries = Retries(database, self.router, metrics, self.policy)

    async def count(self, event, session):
        self.calls.append(event.subject_id)
        await fetch(session, "INSERT INTO effects VALUES ($1, $2)", event.subject_id, event.amount)
        if event.subject_id in self.fail:
            await self.fail[event.subject_id](session)

    async def open(self, event, session):
        await self.count(Counted(subject_id=event.subject_id, amount=100), session)
        emit(session, Followed(subject_id=event.subject_id))

    async def gather(self, events, session):
        self.sets.append([event.subject_id for event in events])
        for event in events:
            emit(session, Followed(subject_id=event.subject_id), cause=event)

    async def take(self, *bodies, redelivered=False):
        await self.inbox.take([Delivery(body, redelivered) for body in bodies])

    async def retry(self, times=1):
        for _ in range(times):
            async with self.database.transaction() as session:
                await session.execute(text("UPDATE inbox SET next_at = now() WHERE status = 'waiting'"))
            await self.retries.work_due()

    async def effects(self):
        async with self.database.reading() as session:
            rows = await fetch(session, "SELECT event_subject FROM effects ORDER BY event_subject")
        return [row["event_subject"] for row in rows]

    async def rows(self):
        async with self.database.reading() as session:
            return await fetch(session, "SELECT * FROM inbox ORDER BY id")

    async def row(self):
        [row] = await self.rows()
        return row


@pytest.fixture
async def listener(open_service_database, metrics):
    return Listener(await open_service_database("listener"), metrics)


def counted(**options):
    fact = Counted(subject_id=new_id())
    return fact.subject_id, encode(fact, **options)


async def fails(_session):
    raise ValueError("no \x00 \ud800 luck")


async def comes_early(_session):
    raise NotYet


async def hangs(_session):
    await asyncio.sleep(60)


async def leaks(_session):
    inner = asyncio.ensure_future(asyncio.sleep(60))
    inner.cancel()
    await inner


async def asks_nonsense(session):
    await session.execute(text("SELECT nonsense"))


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

    def bump(name):
        async def run(session):
            await fetch(session, "SET LOCAL deadlock_timeout = '20ms'")
            await fetch(session, "UPDATE counters SET value = value + 1 WHERE name = $1", name)
            await asyncio.sleep(0.1)

        return run

    (a1, ab1), (a2, ab2), (b1, bb1), (b2, bb2) = [counted() for _ in range(4)]
    listener.fail |= {a1: bump(1), a2: bump(2)}
    other.fail |= {b1: bump(2), b2: bump(1)}
    await asyncio.gather(listener.take(ab1, ab2), other.take(bb1, bb2))
    assert len(await listener.effects()) == 4
    async with listener.database.reading() as session:
        assert [row["value"] for row in await fetch(session, "SELECT value FROM counters")] == [2, 2]
    assert len(listener.calls) + len(other.calls) > 4


async def test_a_redelivered_event_is_stored_first_and_tried_alone(listener):
    subject, body = counted()
    await listener.take(body, redelivered=True)
    assert listener.calls == []
    assert (await listener.row())["status"] == "waiting"
    await listener.retries.work_due()
    assert await listener.effects() == [subject]


async def test_a_redelivered_event_that_was_done_stays_done(listener):
    subject, body = counted()
    await listener.take(body)
    await listener.take(body, redelivered=True)
    await listener.retry()
    assert await listener.effects() == [subject]


async def test_a_handler_that_always_fails_is_parked_after_its_attempts(listener):
    subject, body = counted()
    listener.fail[subject] = fails
    await listener.take(body)
    await listener.retry(5)
    row = await listener.row()
    assert (row["status"], row["attempts"], len(listener.calls)) == ("parked", 3, 4)
    assert row["error"].startswith("ValueError: no  ")
    assert await listener.effects() == []


async def test_a_handler_that_always_kills_its_worker_is_parked_and_the_innocent_flow(listener, monkeypatch):
    class Died(BaseException):
        pass

    async def dies(_session):
        raise Died

    killer, killer_body = counted()
    innocents = [counted() for _ in range(30)]
    listener.fail[killer] = dies
    for redelivered in (False, True):
        bodies = [killer_body, *[body for _, body in innocents]]
        try:
            await listener.take(*bodies, redelivered=redelivered)
        except Died:
            continue
    for _ in range(10):
        try:
            await listener.retry()
        except Died:
            continue
    by_status = {}
    for row in await listener.rows():
        by_status.setdefault(row["status"], []).append(row)
    assert [Envelope.parse(row["body"]).subject for row in by_status["parked"]] == [str(killer)]
    assert by_status["parked"][0]["error"] == "gave up: each attempt died or hung"
    assert len(by_status["done"]) == 30
    assert len(await listener.effects()) == 30


async def test_an_event_that_once_came_early_and_then_kills_its_worker_is_parked_too(listener):
    class Died(BaseException):
        pass

    async def dies(_session):
        raise Died

    subject, body = counted()
    listener.fail[subject] = comes_early
    await listener.take(body)
    await listener.retry()
    listener.fail[subject] = dies
    for _ in range(6):
        try:
            await listener.retry()
        except Died:
            continue
    assert (await listener.row())["status"] == "parked"


async def test_a_claimed_event_whose_worker_vanished_is_tried_again_after_the_lease(listener):
    subject, body = counted()
    await listener.take(body, redelivered=True)
    async with listener.database.transaction() as session:
        await fetch(session, "UPDATE inbox SET attempts = 1, next_at = now() + $1", listener.policy.lease())
    assert await listener.retries.work_due() == 0
    await listener.retry()
    assert await listener.effects() == [subject]


async def test_who_lost_a_claim_to_another_leaves_it_alone(listener):
    subject, body = counted()
    await listener.take(body, redelivered=True)
    row = await listener.row()
    stale = dict(row) | {"attempts": 7}
    await listener.retries._try(stale)
    assert await listener.effects() == []
    assert (await listener.row())["status"] == "waiting"
    assert subject not in listener.calls


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


async def test_a_fact_that_comes_early_waits_and_is_woken_by_its_neighbour(listener):
    subject = new_id()
    early, other = encode(Counted(subject_id=subject)), counted()[1]
    listener.fail[subject] = comes_early
    await listener.take(early)
    async with listener.database.transaction() as session:
        await session.execute(text("UPDATE inbox SET next_at = now() + interval '1 hour'"))
    before = (await listener.row())["next_at"]
    del listener.fail[subject]
    with listener.database.waker.waiting("inbox") as woken:
        await listener.take(other)
        assert not woken.is_set()
        await listener.take(encode(Opened(subject_id=subject)))
        assert woken.is_set()
    [row] = [row for row in await listener.rows() if row["status"] == "waiting"]
    assert row["next_at"] < before
    await listener.retries.work_due()
    assert {row["status"] for row in await listener.rows()} == {"done"}


async def test_a_retried_event_wakes_those_that_waited_for_it(listener):
    subject = new_id()
    listener.fail[subject] = comes_early
    await listener.take(encode(Counted(subject_id=subject)))
    await listener.take(encode(Opened(subject_id=subject)), redelivered=True)
    del listener.fail[subject]
    async with listener.database.transaction() as session:
        await session.execute(text("UPDATE inbox SET next_at = now() + interval '1 hour' WHERE not_yet"))
    await listener.retries.work_due()
    assert {row["status"] for row in await listener.rows()} == {"done"}


async def test_coming_early_uses_up_no_attempts(listener):
    subject, body = counted()
    listener.fail[subject] = comes_early
    await listener.take(body)
    await listener.retry(8)
    row = await listener.row()
    assert (row["status"], row["attempts"], row["not_yet"]) == ("waiting", 0, True)
    listener.fail[subject] = fails
    await listener.retry()
    assert (await listener.row())["status"] == "waiting"


async def test_what_never_becomes_due_is_parked_once_patience_is_over(listener):
    subject, body = counted()
    listener.fail[subject] = comes_early
    await listener.take(body)
    async with listener.database.transaction() as session:
        await session.execute(text("UPDATE inbox SET received_at = now() - interval '4 days'"))
    await listener.retry()
    assert (await listener.row())["status"] == "parked"


def test_waiting_grows_and_has_an_end():
    policy = InboxPolicy(pace=10)
    assert timedelta(seconds=0.07) < policy.wait(1) < timedelta(seconds=0.13)
    assert policy.wait(500) <= timedelta(seconds=75)
    assert policy.wait_for_prerequisite(timedelta(0)) == timedelta(seconds=0.1)
    assert policy.wait_for_prerequisite(timedelta(days=2)) == timedelta(seconds=3)


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
