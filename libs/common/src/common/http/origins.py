"""Which pages of other origins a browser lets read our answers (CORS): those of an exact list."""

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from common.http.problems import methods_of

_TAKEN: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, traceparent"
)
_SHOWN: Final = (
    b"Content-Disposition, ETag, Idempotent-Replayed, Location, Preference-Applied, RateLimit-Limit, "
    b"RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id"
)
_REMEMBERED: Final = "600"  # seconds a browser need not ask again
_VARY: Final = (b"vary", b"Origin")


class Origins:
    """The origins whose pages may use the API. Tokens travel in a header, so cookies are never allowed."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def headers(self, scope: Scope, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return what an answer tells the browser beside what it says."""
        origin = headers.get("origin", "")
        if origin not in self._origins or scope["method"] == "OPTIONS":
            return [_VARY]
        return [_VARY, (b"access-control-allow-origin", origin.encode()), (b"access-control-expose-headers", _SHOWN)]

    def preflight(self, scope: Scope, headers: Headers) -> Response | None:
        """Answer a browser that asks first; None where it is not one, or may not do what it wants."""
        origin = headers.get("origin", "")
        if scope["method"] != "OPTIONS" or origin not in self._origins:
            return None
        methods = methods_of(scope)
        if headers.get("access-control-request-method") not in methods:
            return None
        allowed = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
            "Access-Control-Allow-Headers": _TAKEN,
            "Access-Control-Max-Age": _REMEMBERED,
        }
        return Response(status_code=204, headers=allowed)
