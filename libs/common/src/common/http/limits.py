"""How often one client may ask: so many requests in any sixty seconds, per token's subject, else per address."""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import Final

from starlette.types import Scope

from common.auth import Keyring, token_in
from common.errors import TooMany, Unauthenticated, Unavailable
from common.http.forwarding import client_of

WINDOW: Final = 60
_BASE: Final = "/api/v1/"
_MOST_CLIENTS: Final = (
    50_000  # 20 MB, twice that if each asks every second; who has not asked for longest is forgotten first
)
_NEVER: Final = "/api/v1/auth/jwks"


class RateLimited(TooMany):
    """Too many requests: wait as long as Retry-After says."""


def limited(path: str) -> bool:
    """Say whether a path counts: providers, and who asks for public keys, are never turned away."""
    return "/webhooks/" not in path and not path.startswith(_NEVER)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client may still ask, and in how many seconds it may ask more; `refused` where it may not ask now."""

    limit: int
    left: int
    reset: float
    refused: bool = False

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the `RateLimit-*` headers (draft-ietf-httpapi-ratelimit-headers, version 3)."""
        told = {b"ratelimit-limit": self.limit, b"ratelimit-remaining": self.left, b"ratelimit-reset": ceil(self.reset)}
        return [(name, b"%d" % value) for name, value in told.items()]


class _Client:
    """How often somebody asked: every second in which he did, followed by how often, in 8 bytes."""

    __slots__ = ("seconds", "total")

    def __init__(self) -> None:
        self.seconds = array("I")
        self.total = 0

    def ask(self, now: float, limit: int) -> Allowance:
        second, seconds = int(now), self.seconds
        while seconds and seconds[0] <= second - WINDOW:
            self.total -= seconds[1]
            del seconds[:2]
        refused = self.total >= limit
        if not refused:
            self.total += 1
            if seconds and seconds[-2] == second:
                seconds[-1] += 1
            else:
                seconds.extend((second, 1))
        return Allowance(limit, limit - self.total, seconds[0] + WINDOW - now, refused)

    def over(self, now: float) -> bool:
        """Say whether nothing that he asked counts any more."""
        return self.seconds[-2] <= int(now) - WINDOW


class RateLimits:
    """One process's memory of who asked how often.

    `groups` gives paths below /api/v1 (`orders`, `auth/login`) a limit, and a count, of their own; 0 is no limit.
    """

    def __init__(self, per_minute: int, groups: Mapping[str, int] = {}, clock: Callable[[], float] = monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        longest_first = sorted(groups.items(), key=lambda group: -len(group[0]))
        self._groups = [(name, f"{_BASE}{name}", limit) for name, limit in longest_first]
        self._clients: OrderedDict[tuple[str, str], _Client] = OrderedDict()

    def ask(self, scope: Scope, authorization: list[str]) -> Allowance | None:
        """Count a request; None where nothing limits it."""
        path = scope["path"]
        group, limit = self._group(path)
        if not limit or not limited(path):
            return None
        key, now = (group, _who(scope, authorization)), self._clock()
        client = self._clients.get(key)
        if client is None:
            self._forget(now)
            client = self._clients[key] = _Client()
        else:
            self._clients.move_to_end(key)
        return client.ask(now, limit)

    def _forget(self, now: float) -> None:
        """Make room for one more, and forget those who asked nothing in the last minute."""
        clients = self._clients
        while clients and (len(clients) >= _MOST_CLIENTS or next(iter(clients.values())).over(now)):
            clients.popitem(last=False)

    def _group(self, path: str) -> tuple[str, int]:
        for name, prefix, limit in self._groups:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in {"", "/"}:
                return name, limit
        return "", self._per_minute


def _who(scope: Scope, authorization: list[str]) -> str:
    # A token that is not ours names nobody: it must neither escape its sender's count nor fill somebody else's.
    token = token_in(authorization)
    keyring: Keyring = scope["app"].state.keyring
    if token:
        try:
            return f"user {keyring.verify(token).id}"
        except (Unauthenticated, Unavailable):
            pass
    return f"address {client_of(scope)}"
