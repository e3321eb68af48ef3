"""A client's connection: what is too large, too slow or no HTTP is refused before an application sees it."""

import asyncio
from collections import deque
from enum import Enum, auto
from typing import Any, Final, cast

import structlog
from fastapi.responses import Response
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server

from common.errors import BadRequest, Problem
from common.http.refusals import REQUEST_ID, Refusals

log = structlog.get_logger(__name__)
LONGEST_HEAD: Final = 32 * 1024
LONGEST_TARGET: Final = 8 * 1024
MOST_FIELDS: Final = 100
MOST_WAITING: Final = 16  # requests of one connection that wait for their turn
KEEP_ALIVE = 75  # seconds an idle connection is kept: longer than gateways do, so that none ends under a request
HEAD_WITHIN = 10.0  # seconds from a request's first byte to the end of its headers
BODY_WITHIN = 20.0  # seconds a body may stand still, or be behind the slowest rate
SLOWEST: Final = 8 * 1024  # bytes a second
READ_WITHIN = 60.0  # seconds for which a client may take nothing of an answer that waits for it
_LINGER: Final = 2.0  # seconds for which a refused client may go on sending, so that it reads why
_LOOK_EVERY: Final = 1.0


class NotHttp(BadRequest):
    """This is no HTTP/1.1 request (RFC 9112)."""


class RequestTimeout(Problem):
    """The request came too slowly."""

    status = 408


class UriTooLong(Problem):
    """The address is longer than 8 KB."""

    status = 414


class HeadersTooLarge(Problem):
    """The headers are more than 100, or larger than 32 KB."""

    status = 431


class _Stop(Exception):  # noqa: N818 - it ends the parser's work, not ours
    """Tells the parser to read no further."""


class _Phase(Enum):
    """What a client is in the middle of sending."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()
    LAST = auto()  # nothing: what it has asked is still answered, what it sends now nobody reads
    REFUSED = auto()  # the same, and there is no answer to come


_DEAF: Final = {_Phase.LAST, _Phase.REFUSED}


class _Flow(FlowControl):
    """Reads on only when no request waits for its turn."""

    def __init__(self, transport: asyncio.Transport, waiting: deque[Any]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits. By `_due` the client must have sent what it is sending; `look` sees to it."""

    def __init__(self, *args: Any, refusals: Refusals, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self._refusals = refusals
        self._phase = _Phase.NOTHING
        self._why: type[Problem] = NotHttp
        self._due: float | None = self.loop.time() + KEEP_ALIVE
        self._head = self._size = self._fields = 0
        self._written = self._taken = 0
        self._taken_at = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with what pauses and resumes."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that never ends is not waited for."""
        if self._phase in _DEAF:
            return
        if self._phase is not _Phase.BODY:
            self._head += len(data)
        super().data_received(data)
        if self._head > LONGEST_HEAD:
            self.refuse(HeadersTooLarge())

    def on_message_begin(self) -> None:
        """Begin a request's head."""
        super().on_message_begin()
        self._phase, self._due = _Phase.HEAD, self.loop.time() + HEAD_WITHIN
        self._size = self._fields = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        super().on_url(url)
        if len(self.url) > LONGEST_TARGET:
            self._stop(UriTooLong)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._fields += 1
        self._size += len(name) + len(value)
        if self._fields > MOST_FIELDS or self._size > LONGEST_HEAD:
            self._stop(HeadersTooLarge)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on; its body may follow. Too many at once are the last of a connection."""
        if len(self.pipeline) >= MOST_WAITING:
            raise _Stop
        super().on_headers_complete()
        self._phase, self._head, self._due = _Phase.BODY, 0, self.loop.time() + BODY_WITHIN
        self.cycle.transport = _Ending(self)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, which buys time for the next."""
        super().on_body(body)
        if self._due is not None:
            self._due = min(self._due + len(body) / SLOWEST, self.loop.time() + BODY_WITHIN)

    def on_message_complete(self) -> None:
        """Note that the whole request is here."""
        super().on_message_complete()
        self._phase, self._due = _Phase.NOTHING, None

    def on_response_complete(self) -> None:
        """Go on with the next request, unless there is to be none."""
        if self._phase is not _Phase.REFUSED:
            super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the problem says more
        """Refuse what the parser could not read, or was told not to."""
        self.refuse(self._why())

    def refuse(self, problem: Problem) -> None:
        """End the connection, with an answer where one is due and none has begun."""
        self._head = 0
        if self.transport.is_closing() or self._phase in _DEAF:
            return
        working, in_body = self._working, self._phase is _Phase.BODY
        if working and (self.pipeline or not in_body):  # an answer that is still to come is this connection's last
            if in_body:
                self.pipeline[0] = (self.cycle, cast("Any", self._answer(problem)))
            self._phase, self._due, self.cycle.keep_alive = _Phase.LAST, None, False
            self.flow.pause_reading()
            return
        if not in_body or (working and not self.cycle.response_started):
            self.write(_encoded(self._answer(problem)))
        self.end()

    def write(self, data: bytes) -> None:
        """Write a piece of an answer."""
        self._written += len(data)
        self.transport.write(data)

    def end(self) -> None:
        """Hang up; a client in the middle of a request gets a moment to see why."""
        if self._phase is _Phase.NOTHING or self.transport.is_closing():
            self.transport.close()
            return
        self._phase, self._due = _Phase.REFUSED, self.loop.time() + _LINGER
        if self._working:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.pipeline.clear()
        self.flow.resume_reading()
        self.transport.write_eof()

    def look(self, now: float) -> None:
        """End the connection if its client is late, or does not read."""
        if self._unread(now):
            self.transport.abort()
        elif self._due is None:
            if self.timeout_keep_alive_task is None and not self._working:  # it sent line breaks, which begin nothing
                self._due = now + HEAD_WITHIN
        elif self.flow.read_paused:  # it is we who do not listen
            self._due = now + BODY_WITHIN
        elif now > self._due and self._phase in {_Phase.HEAD, _Phase.BODY}:
            self.refuse(RequestTimeout())
        elif now > self._due:
            self.transport.close()

    @property
    def _working(self) -> bool:
        """Whether a request is being answered."""
        last = cast("RequestResponseCycle | None", self.cycle)  # uvicorn's word for it is only true later
        return last is not None and not last.response_complete

    def _stop(self, why: type[Problem]) -> None:
        self._why = why
        raise _Stop

    def _unread(self, now: float) -> bool:
        """Say whether too long nothing was taken of what is there to take."""
        waiting = self.transport.get_write_buffer_size()
        taken = self._written - waiting
        if not waiting or taken != self._taken:
            self._taken, self._taken_at = taken, now
        return now - self._taken_at > READ_WITHIN

    def _answer(self, problem: Problem) -> Response:
        response = self._refusals.answer(problem)
        response.headers["connection"] = "close"
        client, id_ = self.client[0] if self.client else None, response.headers[REQUEST_ID]
        log.warning("request refused", code=problem.code(), client=client, correlation_id=id_)
        return response


def _encoded(response: Response) -> bytes:
    headers = b"".join(b"%s: %s\r\n" % header for header in response.raw_headers)
    return STATUS_LINE[response.status_code] + headers + b"\r\n" + bytes(response.body)


class _Ending:
    """The transport as an answer sees it: hanging up before the whole request is here would tear the answer away."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.write, self.is_closing = connection.write, connection.transport.is_closing

    def close(self) -> None:
        """Hang up, gently."""
        self._connection.end()


async def watch(server: Server) -> None:
    """Look at every connection of a server each second, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        now = loop.time()
        for connection in tuple(server.server_state.connections):
            if isinstance(connection, Connection):
                connection.look(now)
