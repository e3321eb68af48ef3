"""The last seconds of a process: who comes then is sent elsewhere, before anything is done for him."""

import asyncio
from contextlib import suppress
from typing import ClassVar, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import Unavailable
from common.http.refusals import Refusals

DRAINING: Final = "x-souk-draining"  # a gateway that sees it may ask another process, whatever was asked
NOT_HEALTHY: Final = "x-envoy-immediate-health-check-fail"  # and this has Envoy send nothing more, before it asks again
_MOST_SWALLOWED: Final = 1024 * 1024
_LONGEST_SWALLOW: Final = 2.0


class Draining(Unavailable):
    """This process is about to stop: ask again, and another one answers."""

    headers: ClassVar[dict[str, str]] = {**Unavailable.headers, "Connection": "close", DRAINING: "1", NOT_HEALTHY: "1"}


class Leaving:
    """An application that takes requests until its process is told to stop, and for some seconds refuses them.

    In that time whoever sends requests learns that no more are to be sent, and idle connections are used up: closing a
    port at once loses what is just on its way to it.
    """

    def __init__(self, app: ASGIApp, seconds: float, refusals: Refusals | None = None) -> None:
        self._app, self._seconds, self._refusals = app, seconds, refusals or Refusals()
        self._until: float | None = None

    def close(self) -> None:
        """Take no more requests; those in hand go on."""
        self._until = asyncio.get_running_loop().time() + self._seconds

    async def noticed(self) -> None:
        """Wait until everybody had the time to notice."""
        if self._until is not None:
            await asyncio.sleep(self._until - asyncio.get_running_loop().time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._until is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _swallow(receive)
        await self._refusals.answer(Draining(), scope)(scope, receive, send)


async def _swallow(receive: Receive) -> None:
    """Read the body, for an answer that meets one under way is lost when the connection closes."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_SWALLOW):
            while size < _MOST_SWALLOWED:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
