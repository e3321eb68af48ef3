"""The time door: rows are claimed under a lease by one worker, and only who still holds it writes the outcome."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.orm import Mapped, mapped_column

from common import db
from common.db import new_metadata, now, wake_after_commit
from common.events import new_id
from common.loops import Leased, LeaseLost, Loop, claim, renew, run_loop, under_lease
from common.wakeups import Waker


class Base(db.Base):
    __abstract__ = True
    metadata = new_metadata()


class Mail(Leased, Base):
    __tablename__ = "mails"
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    name: Mapped[str] = mapped_column(default="")


LEASE = timedelta(seconds=30)


@pytest.fixture
async def database(shared_database):
    async with shared_database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(text("TRUNCATE mails"))
    return shared_database


async def add(database, **columns):
    mail = Mail(**{"due_at": now(), **columns})
    async with database.transaction() as session:
        session.add(mail)
    return mail


async def take(database, **options):
    async with database.transaction() as session:
        return await claim(session, Mail, lease=options.pop("lease", LEASE), **options)


async def test_each_due_row_is_claimed_by_one_worker(database):
    made = {(await add(database)).id for _ in range(30)}
    batches = await asyncio.gather(*(take(database, limit=5) for _ in range(8)))
    taken = [mail.id for batch in batches for mail in batch]
    assert sorted(taken) == sorted(made)


async def test_only_what_is_due_and_free_and_wanted_is_claimed(database):
    await add(database, due_at=None)
    await add(database, due_at=now() + timedelta(hours=1))
    await add(database, lease=new_id(), leased_until=now() + LEASE)
    await add(database, name="other")
    wanted = await add(database, name="wanted")
    async with database.transaction() as session:
        rows = await claim(session, Mail, Mail.name == "wanted", lease=LEASE)
    assert [row.id for row in rows] == [wanted.id]
    assert rows[0].attempts == 1
    assert LEASE - timedelta(seconds=5) < rows[0].leased_until - datetime.now(UTC) <= LEASE


async def test_what_is_oldest_goes_first(database):
    late = await add(database, due_at=now() - timedelta(minutes=1))
    early = await add(database, due_at=now() - timedelta(hours=1))
    assert [mail.id for mail in await take(database)] == [early.id, late.id]


async def test_a_lease_runs_out_and_who_lost_it_writes_nothing(database):
    await add(database)
    [mine] = await take(database, lease=timedelta(milliseconds=50))
    assert not await take(database)
    await asyncio.sleep(0.1)
    [theirs] = await take(database)
    assert theirs.attempts == 2
    with pytest.raises(LeaseLost):
        async with database.transaction() as session:
            (await under_lease(session, mine)).done()
    async with database.transaction() as session:
        (await under_lease(session, theirs)).done()
    async with database.transaction() as session:
        row = await session.get(Mail, mine.id)
    assert (row.due_at, row.lease, row.leased_until) == (None, None, None)


async def test_a_lease_that_is_renewed_in_time_is_kept_and_a_lost_one_is_not_renewed(database):
    await add(database)
    [mine] = await take(database, lease=timedelta(milliseconds=50))
    async with database.transaction() as session:
        await renew(session, mine, timedelta(minutes=1))
    await asyncio.sleep(0.1)
    assert not await take(database)
    async with database.transaction() as session:
        await renew(session, mine, timedelta(0))
    assert await take(database)
    with pytest.raises(LeaseLost):
        async with database.transaction() as session:
            await renew(session, mine, timedelta(minutes=1))


async def test_leases_go_by_the_databases_clock(database, monkeypatch):
    await add(database, due_at=now() - timedelta(minutes=20))
    [mine] = await take(database)
    monkeypatch.setattr("common.db.now", lambda: now() + timedelta(minutes=10))
    assert not await take(database)
    async with database.transaction() as session:
        assert (await under_lease(session, mine)).lease == mine.lease


async def test_what_failed_comes_again_later_with_its_error(database):
    await add(database)
    [mail] = await take(database)
    later = now() + timedelta(seconds=1)
    async with database.transaction() as session:
        (await under_lease(session, mail)).again(later, "the server said no")
    assert not await take(database)
    await asyncio.sleep(1.1)
    [again] = await take(database)
    assert (again.attempts, again.last_error) == (2, "the server said no")


async def test_a_row_that_is_gone_is_a_lost_lease(database, ask):
    await add(database)
    [mail] = await take(database)
    await ask(database, "DELETE FROM mails")
    with pytest.raises(LeaseLost):
        async with database.transaction() as session:
            await under_lease(session, mail)


class Rounds:
    """A loop's rounds: each gives the next of these, or raises it; then nothing more is found."""

    def __init__(self, *outcomes):
        self.outcomes, self.count = list(outcomes), 0

    async def __call__(self):
        self.count += 1
        found = self.outcomes.pop(0) if self.outcomes else 0
        if isinstance(found, BaseException):
            raise found
        return found


async def test_a_loop_goes_on_while_there_is_work_then_sleeps_until_it_is_woken(metrics, background, eventually):
    waker, rounds = Waker(), Rounds(3, 2)
    background(run_loop(Loop("mails", rounds, every=60), waker, metrics))
    await eventually(lambda: rounds.count == 3)
    await asyncio.sleep(0.05)
    assert rounds.count == 3
    waker.wake(["mails"])
    await eventually(lambda: rounds.count == 4)
    assert metrics.loop_runs.labels("mails")._value.get() == 5


async def test_a_loop_wakes_by_itself(metrics, background, eventually):
    rounds = Rounds()
    background(run_loop(Loop("mails", rounds, every=0.02), Waker(), metrics))
    await eventually(lambda: rounds.count >= 3)


@pytest.mark.parametrize("error", [ValueError(), asyncio.CancelledError(), TimeoutError()])
async def test_a_round_that_fails_is_counted_and_the_loop_goes_on(metrics, background, eventually, error):
    rounds = Rounds(error)
    background(run_loop(Loop("mails", rounds, every=0.02), Waker(), metrics))
    await eventually(lambda: rounds.count >= 2)
    assert metrics.loop_errors.labels("mails")._value.get() == 1


async def test_a_cancelled_loop_ends(metrics):
    task = asyncio.create_task(run_loop(Loop("mails", Rounds(), every=60), Waker(), metrics))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_that_becomes_due_wakes_its_loop_after_the_commit(database, metrics, background, eventually):
    async def send():
        rows = await take(database)
        for row in rows:
            async with database.transaction() as session:
                (await under_lease(session, row)).done()
        return len(rows)

    background(run_loop(Loop("mails", send, every=60), database.waker, metrics))
    await asyncio.sleep(0.1)
    async with database.transaction() as session:
        session.add(Mail(due_at=now()))
        wake_after_commit(session, "mails")

    async def sent():
        async with database.reading() as session:
            return (await session.execute(text("SELECT 1 FROM mails WHERE due_at IS NULL"))).all()

    await eventually(sent, seconds=3)


async def test_a_session_for_reading_refuses_to_write(shared_database):
    async with shared_database.reading() as session:
        for write in (insert(Mail), update(Mail).values(due_at=None), delete(Mail)):
            with pytest.raises(RuntimeError, match="only reads"):
                await session.execute(write)
        session.add(Mail())
        with pytest.raises(RuntimeError, match="only reads"):
            await session.flush()
