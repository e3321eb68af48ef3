"""The sandbox's chaos dial, its truth and its delivery log, as a fault uses them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2

Json = dict[str, Any]


class Dial:
    """Rules that make the providers misbehave; `hits` counts how often they did."""

    def __init__(self, http: httpx2.AsyncClient, sandbox: str) -> None:
        self._http, self._sandbox = http, sandbox
        self.hits = 0

    @asynccontextmanager
    async def misbehaving(self, *rules: Json) -> AsyncIterator[None]:
        """Let Stripe follow these rules while the block runs; `hits` then says how often they fired."""
        asked = [{"provider": "stripe", **rule} for rule in rules]
        (await self._http.put(f"{self._sandbox}/chaos", json=asked)).raise_for_status()
        try:
            yield
        finally:
            self.hits = sum(rule["hits"] for rule in await self._get("chaos"))
            (await self._http.delete(f"{self._sandbox}/chaos")).raise_for_status()

    async def attempts(self) -> Sequence[Json]:
        """Return the newest webhook deliveries, one row per attempt."""
        found: Sequence[Json] = await self._get("webhooks")
        return found

    async def undelivered(self) -> int:
        """Return how many webhooks are still to be sent."""
        hooks = (await self._get("truth"))["stripe"]["webhooks"]
        return sum(hook["state"] in {"pending", "sending"} for hook in hooks)

    async def events(self, count: int = 100) -> Sequence[Json]:
        """Return Stripe's newest events, as its API lists them."""
        answer = await self._http.get(
            f"{self._sandbox}/stripe/v1/events", params={"limit": str(count)}, auth=("sk_test_hurt", "")
        )
        found: Sequence[Json] = answer.raise_for_status().json()["data"]
        return found

    async def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        return (await self._http.get(f"{self._sandbox}/{path}", timeout=30)).raise_for_status().json()
