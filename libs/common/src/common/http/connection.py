"""A client's connection: what is too large, too slow or no HTTP is refused before an application sees it."""

import asyncio
from enum import Enum, auto
from typing import Any, Final, cast

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server

from common.errors import BadRequest, Problem
from common.events import Trace, new_id
from common.http.problems import answer
from common.telemetry import tracing

log = structlog.get_logger(__name__)
LONGEST_HEAD: Final = 32 * 1024
LONGEST_TARGET: Final = 8 * 1024
MOST_FIELDS: Final = 100
KEEP_ALIVE = 75  # seconds an idle connection is kept: longer than gateways do, so that none ends under a request
HEAD_WITHIN = 10.0  # seconds from a request's first byte to the end of its headers
BODY_WITHIN = 20.0  # seconds a body may stand still, or be behind the slowest rate
SLOWEST: Final = 8 * 1024  # bytes a second
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
    REFUSED = auto()  # whatever it sends now, nobody reads it


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits. By `_due` the client must have sent what it is sending; `look` sees to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self._phase = _Phase.NOTHING
        self._why: type[Problem] = NotHttp
        self._due: float | None = self.loop.time() + KEEP_ALIVE
        self._head = self._size = self._fields = 0

    def data_received(self, data: bytes) -> None:
        """Read on; a head that never ends is not waited for."""
        if self._phase is _Phase.REFUSED:
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
        """Hand the request on; its body may follow."""
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
        if self.transport.is_closing() or self._phase is _Phase.REFUSED:
            return
        working = self._working
        if working and self._phase is not _Phase.BODY:  # an earlier request's answer is the last of this connection
            self._due, self.cycle.keep_alive = None, False
            self.flow.pause_reading()
            return
        if self._phase is not _Phase.BODY or (working and not self.cycle.response_started):
            self.transport.write(self._refusal(problem))
        self.end()

    def end(self) -> None:
        """Hang up; a client in the middle of a request gets a moment to see why."""
        if self._phase is _Phase.NOTHING or self.transport.is_closing():
            self.transport.close()
            return
        self._phase, self._due = _Phase.REFUSED, self.loop.time() + _LINGER
        if self._working:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()
        self.transport.write_eof()

    def look(self, now: float) -> None:
        """End the connection if its client is late."""
        if self._due is None:
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

    def _refusal(self, problem: Problem) -> bytes:
        trace = Trace(correlation_id=str(new_id()))
        with tracing(trace):
            log.warning("request refused", code=problem.code(), client=self.client[0] if self.client else None)
            response = answer(problem)
        response.headers.update({"connection": "close", "x-request-id": trace.correlation_id})
        headers = b"".join(b"%s: %s\r\n" % header for header in response.raw_headers)
        return STATUS_LINE[problem.status] + headers + b"\r\n" + bytes(response.body)


class _Ending:
    """The transport as an answer sees it: hanging up before the whole request is here would tear the answer away."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.write, self.is_closing = connection.transport.write, connection.transport.is_closing

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
