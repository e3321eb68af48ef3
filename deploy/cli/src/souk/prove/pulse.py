"""The pulse of a run, second by second: what the gateway answered, and how many purchases were under way."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import httpx2

_BEAT: Final = 1.0
_REFUSED, _FAILED = 400, 500


class Pulse:
    """Counts by the second of a clock that began when the doors opened."""

    def __init__(self, clock: Callable[[], float], inside: Callable[[], int]) -> None:
        self._clock, self._inside = clock, inside
        self.answered: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()
        self.failed: Counter[int] = Counter()
        self.in_flight: dict[int, int] = {}

    async def feel(self, http: httpx2.AsyncClient, shop: str) -> None:
        """Count until cancelled what is answered to this client at the shop's address."""
        port = httpx2.URL(shop).port

        async def count(answer: httpx2.Response) -> None:
            if answer.request.url.port == port:
                self._kind(answer.status_code)[int(self._clock())] += 1

        http.event_hooks = {"response": [count]}
        try:
            while True:
                self.in_flight[int(self._clock())] = self._inside()
                await asyncio.sleep(_BEAT)
        finally:
            http.event_hooks = {}

    def _kind(self, status: int) -> Counter[int]:
        if status >= _FAILED:
            return self.failed
        return self.refused if status >= _REFUSED else self.answered
