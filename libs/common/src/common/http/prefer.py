"""`Prefer: wait=N` (RFC 7240): how long a client is ready to wait, and waiting for a topic with nothing held."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response

from common.tasks import nap
from common.wakeups import Waker

T = TypeVar("T")
_DEFAULT, _LONGEST, _WAITERS = 5, 20, 200
_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])', re.IGNORECASE)


_Header = Annotated[
    str | None, Header(alias="Prefer", description="`wait=N`: wait N seconds, 20 at most; 5 without it.")
]


async def _seconds(request: Request, response: Response, _: _Header = None) -> int:
    asked = asked_wait(request)
    if asked is None:
        return _DEFAULT
    seconds = min(asked, _LONGEST)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return seconds


def asked_wait(request: Request) -> int | None:
    """Return how many seconds the client says it is ready to wait, or None."""
    match = _WAIT.search(",".join(request.headers.getlist("prefer")))
    return int(match[1]) if match else None


Wait = Annotated[int, Depends(_seconds)]


class WaitingRoom:
    """Where requests wait after their commit: no transaction, no pooled connection, at most 200 at once.

    Who listens for long, by `follow`, does not count among these.
    """

    def __init__(self, waker: Waker) -> None:
        self._waker, self._waiting, self._closed = waker, 0, False
        self._woken: set[asyncio.Event] = set()

    @property
    def closed(self) -> bool:
        """Whether nobody waits any more, because the process stops."""
        return self._closed

    def close(self) -> None:
        """Let everybody go who waits: what is there now is the answer."""
        self._closed = True
        for woken in self._woken:
            woken.set()

    async def until(self, topic: str, seconds: float, look: Callable[[], Awaitable[T]], done: Callable[[T], bool]) -> T:
        """Return what `look` finds as soon as it is `done`, or as it stands when the time is up."""
        deadline = _time() + seconds
        with self._seat(topic) as woken:
            found = await look()
            if self._waiting >= _WAITERS:
                return found
            self._waiting += 1
            try:
                while not done(found) and not self._closed and (left := deadline - _time()) > 0:
                    await nap(woken, min(left, 1.0))
                    woken.clear()
                    found = await look()
                return found
            finally:
                self._waiting -= 1

    async def follow(self, topic: str, until: float, look: Callable[[], Awaitable[T]], tick: float) -> AsyncIterator[T]:
        """Yield what `look` finds now, whenever the topic is woken, and every `tick` seconds.

        Ends when the loop's clock says `until`, or the process stops.
        """
        with self._seat(topic) as woken:
            while True:
                woken.clear()
                yield await look()
                if self._closed or (left := until - _time()) <= 0:
                    return
                await nap(woken, min(left, tick))

    @contextmanager
    def _seat(self, topic: str) -> Iterator[asyncio.Event]:
        with self._waker.waiting(topic) as woken:
            self._woken.add(woken)
            try:
                yield woken
            finally:
                self._woken.discard(woken)


def _time() -> float:
    return asyncio.get_running_loop().time()
