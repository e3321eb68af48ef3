"""What stands around every route: who may ask, under which name, from which page, how often and how much."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.addresses import LOOPBACK, Hosts, Network, Networks, host_in, network_of
from common.errors import BadRequest, Problem
from common.http.forwarding import locate
from common.http.limits import RateLimited, RateLimits
from common.http.origins import Origins
from common.http.problems import PayloadTooLarge, answer

BODY_LIMIT: Final = 256 * 1024
_DIGITS: Final = 30  # int() itself refuses thousands of them
_KEY_SET: Final = "/api/v1/auth/jwks"  # other services ask for it, each under a name of its own
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
RawHeaders = list[tuple[bytes, bytes]]


class BadHost(BadRequest):
    """Send one Host header with the name of a host."""


class Misdirected(Problem):
    """There is no shop under this name."""

    status = 421


@dataclass(frozen=True, slots=True)
class Frame:
    """What an operator has chosen. Without a word of his: any host, no other origin, any number of requests.

    `body_limits` are the paths, as patterns, that take larger bodies than others, and how many bytes.
    """

    proxies: Sequence[Network] = tuple(map(network_of, LOOPBACK))
    hosts: Collection[str] = ()
    origins: Collection[str] = ()
    limits: RateLimits | None = None
    body_limits: Mapping[str, int] = field(default_factory=dict)
    https_only: bool = False


class Hardened:
    """An application of no service's, whose answers get what every answer has; a page's own policy comes first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _completed(list(message["headers"]), ALWAYS)
            await send(message)

        await self._app(scope, receive, answer_with_headers)


class Guard:
    """Looks at each request before any route does, and at each answer before it leaves."""

    def __init__(self, frame: Frame) -> None:
        self._proxies, self._limits = Networks(frame.proxies), frame.limits
        self._hosts = Hosts(frame.hosts) if frame.hosts else None
        self._origins = Origins(frame.origins) if frame.origins else None
        self._bodies = [(re.compile(pattern), limit) for pattern, limit in frame.body_limits.items()]
        self._always = (*ALWAYS, _HSTS) if frame.https_only else ALWAYS

    def locate(self, scope: Scope) -> None:
        """Put the client's own address into the scope."""
        locate(scope, self._proxies)

    def body_limit(self, scope: Scope) -> int:
        """Return how many bytes a path takes."""
        return next((size for path, size in self._bodies if path.fullmatch(scope["path"])), BODY_LIMIT)

    def refuse(self, scope: Scope, told: RawHeaders) -> ASGIApp | None:
        """Return the answer to what no route shall see, else None; `told` gets what any answer must tell as well."""
        headers = Headers(scope=scope)
        if self._origins:
            told += self._origins.headers(scope, headers)
        if problem := self._misdirected(scope, headers):
            return answer(problem)
        if self._origins and (preflight := self._origins.preflight(scope, headers)):
            return preflight
        if self._limits and (allowance := self._limits.ask(scope, headers.getlist("authorization"))):
            told += allowance.headers()
            if allowance.refused:
                return answer(RateLimited().after(allowance.reset))
        return answer(PayloadTooLarge()) if _announced(headers) > self.body_limit(scope) else None

    def finish(self, given: RawHeaders, told: RawHeaders) -> RawHeaders:
        """Return an answer's headers with those that every answer has; its own words about the same come first."""
        return [*_completed(given, self._always), *told]

    def _misdirected(self, scope: Scope, headers: Headers) -> Problem | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or host_in(hosts[0]) is None:
            return BadHost() if hosts or scope.get("http_version") == "1.1" else None  # RFC 9112, section 3.2
        if self._hosts is None or self._hosts.has(hosts[0]) or scope["path"] == _KEY_SET:
            return None
        return Misdirected()


def _completed(given: RawHeaders, always: Sequence[tuple[bytes, bytes]]) -> RawHeaders:
    names = {name for name, _ in given}
    return [*given, *(header for header in always if header[0] not in names)]


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length[:_DIGITS]) if length.isascii() and length.isdigit() else 0
