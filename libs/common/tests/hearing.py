"""A service of handlers only, for the tests of the inbox, and what may go wrong in it."""

import asyncio
from uuid import UUID

from sqlalchemy import text

from common.broker import Delivery
from common.db import fetch
from common.errors import NotYet
from common.events import Event, new_id
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
