"""The sandbox's chaos dial, its truth and its delivery log, as a fault uses them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx2

from souk.doctor.truth import Told, fetch_truth

Json = dict[str, Any]
PROVIDERS: Final = ("stripe", "razorpay")


class Dial:
    """Rules that make the providers misbehave; `hits` counts how often they did, and `by_provider`, `by_operation`."""

    def __init__(self, http: httpx2.AsyncClient, sandbox: str) -> None:
        self._http, self._sandbox = http, sandbox
        self.hits = 0
        self.by_provider: Mapping[str, int] = {}
        self.by_operation: Mapping[str, int] = {}

    @asynccontextmanager
    async def misbehaving(self, *rules: Json) -> AsyncIterator[None]:
        """Let both providers, or the one that a rule names, follow these rules while the block runs."""
        asked = [
            {"provider": provider, **rule} for rule in rules for provider in PROVIDERS if _concerns(rule, provider)
        ]
        (await self._http.put(f"{self._sandbox}/chaos", json=asked)).raise_for_status()
        try:
            yield
        finally:
            await self.count()
            (await self._http.delete(f"{self._sandbox}/chaos")).raise_for_status()

    async def count(self) -> None:
        """Bring the counts up to date."""
        fired = await self._get("chaos")
        self.hits = sum(rule["hits"] for rule in fired)
        self.by_operation = {f"{rule['provider']} {rule['operation']}": rule["hits"] for rule in fired}
        self.by_provider = {
            provider: sum(rule["hits"] for rule in fired if rule["provider"] == provider) for provider in PROVIDERS
        }

    async def attempts(self) -> Sequence[Json]:
        """Return the newest webhook deliveries, one row per attempt."""
        found: Sequence[Json] = await self._get("webhooks")
        return found

    async def undelivered(self) -> int:
        """Return how many webhooks are still to be sent."""
        told = await self._get("truth")
        hooks = [hook for provider in PROVIDERS for hook in told[provider]["webhooks"]]
        return sum(hook["state"] in {"pending", "sending"} for hook in hooks)

    async def truth(self) -> Sequence[Told]:
        """Return what the providers took and gave back."""
        return (await fetch_truth(f"{self._sandbox}/truth")).providers

    async def events(self, count: int = 100) -> Sequence[Json]:
        """Return Stripe's newest events, as its API lists them."""
        answer = await self._http.get(
            f"{self._sandbox}/stripe/v1/events", params={"limit": str(count)}, auth=("sk_test_hurt", "")
        )
        found: Sequence[Json] = answer.raise_for_status().json()["data"]
        return found

    async def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        return (await self._http.get(f"{self._sandbox}/{path}", timeout=30)).raise_for_status().json()


def _concerns(rule: Json, provider: str) -> bool:
    return bool(rule.get("provider", provider) == provider)
