"""Lets logins and registrations in, or says when to come again; nothing is held while a password is hashed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from auth.actions import throttling
from auth.actions.throttling import Try
from auth.tries import Limits
from common.db import Database

_OF_ONE_ACCOUNT, _CONNECTIONS, _PATIENCE = 2, 2, 15.0


class Doorkeeper:
    """One process's door. What it counts is in the database; only queues are its own.

    Of each account two logins are looked at at a time, so that a crowd of good ones is no row of failures. All who
    come in share two connections, for they wait for the same rows, and others have use for the rest of the pool. Nobody
    stands in a queue for long: who has no turn in time comes again, and his password is kept no longer.
    """

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database, self.limits = database, limits
        self._connections: Final = asyncio.Semaphore(_CONNECTIONS)
        self._places: Final = WeakValueDictionary[str, asyncio.Semaphore]()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Give a session whose work is committed at the end, on one of the few connections.

        Raises TimeoutError where the queue for them is long.
        """
        await _turn(self._connections)
        try:
            async with self._database.transaction() as session:
                yield session
        finally:
            self._connections.release()

    @asynccontextmanager
    async def login(self, account: str, address: str) -> AsyncIterator[Try]:
        """Count a login, and hold its place; raises TooManyTries, and TimeoutError where the queue is long."""
        place = self._places.setdefault(account, asyncio.Semaphore(_OF_ONE_ACCOUNT))
        await _turn(place)
        try:
            async with self.transaction() as session:
                admitted = await throttling.admit_login(session, self.limits, account, address)
            try:
                yield admitted
            except Exception:
                with suppress(Exception):  # what went wrong first is what matters
                    await self._undo(admitted)
                raise
        finally:
            place.release()

    async def registration(self, account: str, address: str) -> None:
        """Count a registration; raises TooManyTries, and TimeoutError where the queue is long."""
        async with self.transaction() as session:
            await throttling.count(session, self.limits.of_registration(account, address))

    async def _undo(self, admitted: Try) -> None:
        async with self.transaction() as session:
            await throttling.undo(session, admitted)


async def _turn(queue: asyncio.Semaphore) -> None:
    async with asyncio.timeout(_PATIENCE):
        await queue.acquire()
