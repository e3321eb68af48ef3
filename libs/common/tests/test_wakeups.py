"""Wake-ups: they cross processes, come after the commit, and a lost one costs a tick and nothing else."""

import asyncio

import asyncpg
import pytest

from common.db import plain_dsn, wake_after_commit
from common.wakeups import Waker


@pytest.fixture
def dsn(shared_database):
    return plain_dsn(shared_database.engine.url.render_as_string(hide_password=False))


async def woken_by(waker, other, topic, eventually):
    """Wake until it is heard: a waker that has just started may not be listening yet."""
    with other.waiting(topic) as woken:

        def again():
            waker.wake([topic])
            return woken.is_set()

        await eventually(again)


async def test_who_waits_in_another_process_is_woken(dsn, background, eventually):
    first, second = Waker(dsn), Waker(dsn)
    background(first.run())
    background(second.run())
    await woken_by(first, second, "order:1", eventually)
    await woken_by(second, first, "order:2", eventually)


async def test_only_who_waits_for_the_topic_is_woken():
    waker = Waker()
    with waker.waiting("a") as a, waker.waiting("a") as also_a, waker.waiting("b") as b:
        waker.wake(["a", "nobody"])
        assert (a.is_set(), also_a.is_set(), b.is_set()) == (True, True, False)
    waker.wake(["a"])
    assert not waker._waiters


async def test_thousands_of_topics_travel_in_a_few_notes(dsn, background, eventually):
    first, second = Waker(dsn), Waker(dsn)
    background(first.run())
    background(second.run())
    await woken_by(first, second, "warm", eventually)
    topics = [f"order:{number:036d}" for number in range(1000)]
    with second.waiting(topics[0]) as one, second.waiting(topics[-1]) as other:
        first.wake(topics)
        await eventually(lambda: one.is_set() and other.is_set())


async def test_a_lost_connection_is_opened_again(dsn, background, eventually, through_proxy, shared_database):
    proxy = await through_proxy(shared_database.engine.url.render_as_string(hide_password=False))
    first, second = Waker(plain_dsn(proxy.url)), Waker(dsn)
    background(first.run())
    background(second.run())
    await woken_by(second, first, "before", eventually)
    proxy.cut()
    await woken_by(second, first, "after", eventually)
    await woken_by(first, second, "back", eventually)


@pytest.mark.parametrize("failure", [asyncpg.InternalClientError("another operation is in progress"), RuntimeError()])
async def test_no_failure_of_the_driver_ends_it(dsn, background, eventually, monkeypatch, failure):
    connect, failures = asyncpg.connect, [failure]

    async def fail_first(*args, **options):
        if failures:
            raise failures.pop()
        return await connect(*args, **options)

    monkeypatch.setattr(asyncpg, "connect", fail_first)
    first, second = Waker(dsn), Waker(dsn)
    running = background(first.run())
    background(second.run())
    await woken_by(second, first, "after", eventually)
    assert not failures
    assert running is None or not running.done()


@pytest.mark.parametrize("trouble", [asyncpg.InternalClientError, asyncio.CancelledError, OSError])
async def test_whatever_breaks_a_connection_another_is_opened(dsn, background, eventually, trouble):
    class Torn(Waker):
        troubles = 1

        async def _tell(self, connection):
            if self.troubles:
                self.troubles -= 1
                raise trouble
            await super()._tell(connection)

    first, second = Torn(dsn), Waker(dsn)
    background(first.run())
    background(second.run())
    await woken_by(first, second, "order:1", eventually)
    assert first.troubles == 0


async def test_without_an_address_it_runs_on_and_stays_inside_the_process():
    waker = Waker()
    task = asyncio.create_task(waker.run())
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_rolled_back_transaction_wakes_nobody(shared_database):
    with shared_database.waker.waiting("x") as woken:
        with pytest.raises(ZeroDivisionError):
            await wake_and_fail(shared_database)
        assert not woken.is_set()


async def wake_and_fail(database):
    async with database.transaction() as session:
        wake_after_commit(session, "x")
        raise ZeroDivisionError
