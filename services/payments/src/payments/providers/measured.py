"""A provider's adapter with a stopwatch: every call is timed, and what came of it noted."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from prometheus_client import Histogram

from common.telemetry import SpanKind, span
from payments.domain import ProviderFact
from payments.errors import NotAllowed, Refused
from payments.meters import Meters
from payments.providers import Content, Notice, Opened, PaymentTerms, Provider, RefundTerms


def measured(providers: Mapping[str, Provider], meters: Meters) -> dict[str, Provider]:
    """Return the adapters, each under a stopwatch."""
    return {name: Measured(provider, meters.calls) for name, provider in providers.items()}


class Measured:
    """An adapter as it is, its calls observed in seconds by provider, operation and outcome."""

    def __init__(self, provider: Provider, calls: Histogram) -> None:
        self._provider, self._calls = provider, calls
        self.name, self.flows, self.livemode = provider.name, provider.flows, provider.livemode

    def payment_request(self, terms: PaymentTerms) -> str:
        return self._provider.payment_request(terms)

    def refund_request(self, terms: RefundTerms) -> str:
        return self._provider.refund_request(terms)

    async def open(self, request: str, key: str) -> Opened:
        with self._timed("open"):
            return await self._provider.open(request, key)

    async def find(self, payment_id: UUID, since: datetime) -> Opened | None:
        with self._timed("find"):
            return await self._provider.find(payment_id, since)

    async def fetch(self, ref: str) -> Sequence[ProviderFact]:
        with self._timed("fetch"):
            return await self._provider.fetch(ref)

    async def close(self, ref: str) -> Sequence[ProviderFact]:
        with self._timed("close"):
            return await self._provider.close(ref)

    async def refund(self, request: str, key: str) -> ProviderFact:
        with self._timed("refund"):
            return await self._provider.refund(request, key)

    async def find_refund(self, refund_id: UUID, capture_ref: str) -> ProviderFact | None:
        with self._timed("find_refund"):
            return await self._provider.find_refund(refund_id, capture_ref)

    async def fetch_refund(self, ref: str) -> ProviderFact:
        with self._timed("fetch_refund"):
            return await self._provider.fetch_refund(ref)

    async def events_since(self, since: datetime) -> AsyncIterator[Sequence[Notice]]:
        pages = self._provider.events_since(since)
        while True:
            with self._timed("list"):
                page = await anext(pages, None)
            if page is None:
                return
            yield page

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        return self._provider.verify(body, headers, now)

    def parse(self, body: bytes) -> Content:
        return self._provider.parse(body)

    def handed_back(self, fields: Mapping[str, str]) -> str:
        return self._provider.handed_back(fields)

    async def disconnect(self) -> None:
        await self._provider.disconnect()

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        began, outcome = time.perf_counter(), "unknown"
        try:
            with span("payments", f"{self.name} {operation}", SpanKind.CLIENT):
                yield
            outcome = "ok"
        except Refused:
            outcome = "refused"
            raise
        except NotAllowed:
            outcome = "not_allowed"
            raise
        finally:
            self._calls.labels(self.name, operation, outcome).observe(time.perf_counter() - began)
