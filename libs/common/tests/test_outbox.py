"""The outbox: a fact is told when, and only if, its transaction commits."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from common.outbox import emit

from .telling import counted


@pytest.fixture
async def teller(open_service_database):
    return await open_service_database("teller")


async def test_a_commit_that_fails_tells_nothing(teller, ask):
    async with teller.transaction() as session:
        await session.execute(text("ALTER TABLE effects ADD UNIQUE (amount) DEFERRABLE INITIALLY DEFERRED"))
    with pytest.raises(Exception, match="duplicate key"):
        async with teller.transaction() as session:
            await session.execute(text("INSERT INTO effects (amount) VALUES (1), (1)"))
            emit(session, counted())
    assert not await ask(teller, "SELECT FROM outbox")


async def test_a_savepoint_rolled_back_takes_only_what_was_told_since_it_began(teller, ask):
    async with teller.transaction() as session:
        [before, after] = [emit(session, counted(1)), None]
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                emit(session, counted(2))
                raise ZeroDivisionError
        async with session.begin_nested():
            after = emit(session, counted(3))
    rows = await ask(teller, "SELECT id FROM outbox ORDER BY id")
    assert [row["id"] for row in rows] == [before, after]


async def test_nobody_is_woken_before_the_commit(teller):
    with teller.waker.waiting("outbox") as woken:
        async with teller.transaction() as session:
            emit(session, counted())
            async with session.begin_nested():
                pass
            assert not woken.is_set()
        assert woken.is_set()


async def test_a_session_for_reading_tells_nothing(teller):
    async with teller.reading() as session:
        with pytest.raises(RuntimeError, match="only reads"):
            emit(session, counted())


async def test_a_cancelled_request_does_not_interrupt_its_commit(
    teller, ask, through_proxy, open_service_database, eventually
):
    proxy = await through_proxy(teller.engine.url.render_as_string(hide_password=False))
    slow = await open_service_database("teller", url=proxy.url)

    async def work():
        async with slow.transaction() as session:
            await session.execute(text("SELECT 1"))
            emit(session, counted())
            proxy.flowing.clear()

    task = asyncio.create_task(work())
    await eventually(lambda: not proxy.flowing.is_set())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    proxy.flowing.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await ask(teller, "SELECT FROM outbox")) == 1


async def test_the_same_id_is_never_told_twice(teller):
    async with teller.transaction() as session:
        emit(session, counted())
        session.info["outgoing"] *= 2
        with pytest.raises(Exception, match="duplicate key") as caught:
            await session.commit()
    assert isinstance(caught.value.orig.__cause__, asyncpg.UniqueViolationError)
