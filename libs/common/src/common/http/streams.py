"""Server-sent events: how a thing stands, and again whenever that changes, with nothing held in between."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from typing import Annotated, Final
from uuid import UUID

import structlog
from fastapi import Depends, Header, Request
from fastapi.responses import StreamingResponse

from common.auth import CurrentUser
from common.errors import Unavailable, raises
from common.http.prefer import WaitingRoom, asked_wait

log = structlog.get_logger(__name__)
HEARTBEAT: Final = 15.0
MOST: Final = 1000
MOST_OF_ONE: Final = 20
_STILL_HERE: Final = b": still here\n\n"
_PAUSE: Final = b"retry: 2000\n\n"  # milliseconds until the client comes again after an end
_ID: Final = re.compile(r"[!-~]{1,100}")


class TooManyListeners(Unavailable):
    """As many as can are listening, or you are in too many places: ask now and then instead, or try again later."""


class EventStream(StreamingResponse):
    """An answer that goes on: `text/event-stream` (WHATWG HTML, server-sent events)."""

    media_type = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a thing stands: a name of just this state, the state as JSON, and whether nothing more is to come."""

    id: str
    data: str
    last: bool = False

    def encode(self, event: str) -> bytes:
        """Return it as one event; JSON has no line breaks."""
        return f"id: {self.id}\nevent: {event}\ndata: {self.data}\n\n".encode()


class Listeners:
    """Who listens in this process: so many at most, and so many at most of one user."""

    def __init__(self) -> None:
        self._of: Counter[UUID] = Counter()

    def full(self, user: UUID) -> bool:
        """Say whether there is no place for one more of this user."""
        return self._of.total() >= MOST or self._of[user] >= MOST_OF_ONE

    @contextmanager
    def one_of(self, user: UUID) -> Iterator[None]:
        """Count a listener while the block runs."""
        self._of[user] += 1
        try:
            yield
        finally:
            self._of[user] -= 1
            self._of += Counter()  # forgets who is gone


class Listening:
    """One request to be told of changes: by whom, from where on, and for how long.

    It ends when the thing has ended, when the token does, when the process stops, or after the seconds of
    `Prefer: wait=N` where that is given.
    """

    def __init__(self, request: Request, user: CurrentUser, seen: str | None) -> None:
        self._room: WaitingRoom = request.app.state.waiting_room
        self._listeners: Listeners = request.app.state.listeners
        self._user, self.seen = user.id, seen if seen and _ID.fullmatch(seen) else None
        asked, left = asked_wait(request), user.expires_at - time()
        self._seconds = left if asked is None else min(asked, left)

    def stream(self, event: str, topic: str, look: Callable[[], Awaitable[Standing]]) -> EventStream:
        """Return the answer that tells of each state but the one seen last; raises TooManyListeners."""
        if self._listeners.full(self._user):
            raise TooManyListeners
        return EventStream(self._tell(event, topic, look), headers={"X-Accel-Buffering": "no"})

    async def _tell(self, event: str, topic: str, look: Callable[[], Awaitable[Standing]]) -> AsyncIterator[bytes]:
        seen, until = self.seen, asyncio.get_running_loop().time() + self._seconds
        yield _PAUSE
        with self._listeners.one_of(self._user):
            try:
                async for standing in self._room.follow(topic, until, look, HEARTBEAT):
                    yield standing.encode(event) if standing.id != seen else _STILL_HERE
                    seen = standing.id
                    if standing.last:
                        return
            except Exception as error:  # noqa: BLE001 - the answer has begun, and whoever listens comes again
                log.warning("a stream broke off", topic=topic, error=repr(error))


_Seen = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The `id` of the last event you have: it is not told again."),
]
_Prefer = Annotated[
    str | None,
    Header(alias="Prefer", description="`wait=N`: listen for N seconds; without it until it ends."),
]


@raises(TooManyListeners)
async def _listening(request: Request, user: CurrentUser, seen: _Seen = None, _: _Prefer = None) -> Listening:
    return Listening(request, user, seen)


Listen = Annotated[Listening, Depends(_listening)]
