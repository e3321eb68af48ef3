"""`Prefer: wait=N` (RFC 7240): how long a client is ready to wait, and waiting for a topic with nothing held."""

import asyncio
import re
from collections.abc import Awaitable, Callable
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
    match = _WAIT.search(",".join(request.headers.getlist("prefer")))
    if match is None:
        return _DEFAULT
    seconds = min(int(match[1]), _LONGEST)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return seconds


Wait = Annotated[int, Depends(_seconds)]


class WaitingRoom:
    """Where requests wait after their commit: no transaction, no pooled connection, at most 200 at once."""

    def __init__(self, waker: Waker) -> None:
        self._waker, self._waiting = waker, 0

    async def until(self, topic: str, seconds: float, look: Callable[[], Awaitable[T]], done: Callable[[T], bool]) -> T:
        """Return what `look` finds as soon as it is `done`, or as it stands when the time is up."""
        deadline = asyncio.get_running_loop().time() + seconds
        with self._waker.waiting(topic) as woken:
            found = await look()
            if self._waiting >= _WAITERS:
                return found
            self._waiting += 1
            try:
                while not done(found) and (left := deadline - asyncio.get_running_loop().time()) > 0:
                    await nap(woken, min(left, 1.0))
                    woken.clear()
                    found = await look()
                return found
            finally:
                self._waiting -= 1
