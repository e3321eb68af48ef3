"""The inbox's other tries: what fails, kills its worker or comes early is tried again, and the innocent flow."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from common.db import fetch
from common.events import Envelope, new_id
from common.inbox import InboxPolicy
from common.testing import encode

from .hearing import Counted, Listener, Opened, comes_early, counted, fails


@pytest.fixture
async def listener(open_service_database, metrics):
    return Listener(await open_service_database("listener"), metrics)


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


async def test_coming_early_is_counted_as_no_failure(listener):
    def failed():
        samples = [sample for family in listener.metrics.failed.collect() for sample in family.samples]
        return {sample.labels["outcome"]: sample.value for sample in samples if sample.name.endswith("_total")}

    subject, body = counted()
    listener.fail[subject] = comes_early
    await listener.take(body)
    await listener.retry(2)
    assert failed() == {"not_yet": 3}
    async with listener.database.transaction() as session:
        await session.execute(text("UPDATE inbox SET received_at = now() - interval '4 days'"))
    await listener.retry()
    assert failed() == {"not_yet": 3, "parked": 1}
    other, body = counted()
    listener.fail[other] = fails
    await listener.take(body)
    await listener.retry()
    assert failed() == {"not_yet": 3, "parked": 1, "error": 1, "waiting": 1}


async def test_what_never_becomes_due_is_parked_once_patience_is_over(listener):
    subject, body = counted()
    listener.fail[subject] = comes_early
    await listener.take(body)
    async with listener.database.transaction() as session:
        await session.execute(text("UPDATE inbox SET received_at = now() - interval '4 days'"))
    await listener.retry()
    assert (await listener.row())["status"] == "parked"


async def test_an_event_whose_handler_was_taken_away_while_it_waited_is_parked(listener):
    await listener.take(counted()[1], redelivered=True)
    del listener.router.routes["test.counted"]
    await listener.retry()
    row = await listener.row()
    assert (row["status"], row["error"]) == ("parked", "unknown event type")


async def test_retries_outlive_trouble_with_the_database(listener, background, eventually, captured_logs):
    listener.retries._policy = InboxPolicy(poll=0.05)
    subject, body = counted()
    await listener.take(body, redelivered=True)
    async with listener.database.transaction() as session:
        await session.execute(text("ALTER TABLE inbox RENAME TO gone"))
    background(listener.retries.run())
    await eventually(lambda: "retries failed, going on" in [line["event"] for line in captured_logs])
    assert await listener.effects() == []
    async with listener.database.transaction() as session:
        await session.execute(text("ALTER TABLE gone RENAME TO inbox"))

    async def worked():
        return await listener.effects() == [subject]

    await eventually(worked)


def test_waiting_grows_and_has_an_end():
    policy = InboxPolicy(pace=10)
    assert timedelta(seconds=0.07) < policy.wait(1) < timedelta(seconds=0.13)
    assert policy.wait(500) <= timedelta(seconds=75)
    assert policy.wait_for_prerequisite(timedelta(0)) == timedelta(seconds=0.1)
    assert policy.wait_for_prerequisite(timedelta(days=2)) == timedelta(seconds=3)
