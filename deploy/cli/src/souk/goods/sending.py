"""Importing products: in batches, at a pace that leaves buyers their share, and telling what became of each line."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx2
import orjson
from tenacity import retry, retry_if_exception, stop_after_delay, wait_exponential_jitter

from souk.client import ApiError, Client
from souk.goods.reading import Line

Json = dict[str, Any]
Refused = Callable[[int, object, list[Json]], None]
_LINES, _BYTES = 20, 150_000  # a batch is worked at once, and whoever buys meanwhile waits for it
_PATIENCE: Final = 120.0  # seconds for which a server that is away is asked again


@dataclass(slots=True)
class Manner:
    """How to import: for whom, whether only to try, and which share of the time to work: the rest belongs to buyers."""

    seller_id: str | None = None
    dry_run: bool = False
    share: float = 0.25


@dataclass(slots=True)
class Importer:
    """Sends products and counts what became of them. `sign_in` returns a client whose token is fresh."""

    sign_in: Callable[[], Awaitable[Client]]
    manner: Manner
    refused: Refused
    counts: Counter[str] = field(default_factory=Counter)
    _client: Client | None = None

    async def send(self, lines: Iterable[Line], progress: Callable[[Line, Counter[str]], None]) -> None:
        """Import all lines; `progress` hears after each batch how far it is."""
        for batch in _batches(lines):
            began = time.monotonic()
            await self._send(batch)
            progress(batch[-1], self.counts)
            await asyncio.sleep((time.monotonic() - began) * (1 / self.manner.share - 1))

    async def _send(self, batch: list[Line]) -> None:
        results = iter(await self._results([line for line in batch if line.product is not None]))
        for line in batch:
            result = _unreadable(line) if line.product is None else next(results)
            self.counts[result["state"]] += 1
            if result["state"] == "refused":
                self.refused(line.number, result["sku"], result["errors"])

    async def _results(self, lines: list[Line]) -> list[Json]:
        if not lines:
            return []
        body: Json = {"products": [line.product for line in lines], "dry_run": self.manner.dry_run}
        if self.manner.seller_id:
            body["seller_id"] = self.manner.seller_id
        results: list[Json] = (await self._post(body))["results"]
        return results

    async def _post(self, body: Json) -> Json:
        """Send a batch until it is answered: to send it again changes nothing."""

        @retry(
            retry=retry_if_exception(_passes),
            stop=stop_after_delay(_PATIENCE),
            wait=wait_exponential_jitter(0.2, max=5),
            reraise=True,
        )
        async def attempt() -> Json:
            if self._client is None:
                self._client = await self.sign_in()
            try:
                return await self._client.post("/products/batch", body)
            except ApiError as error:
                if error.status == HTTPStatus.UNAUTHORIZED:
                    self._client = None
                raise

        return await attempt()


def _unreadable(line: Line) -> Json:
    return {
        "state": "refused",
        "sku": line.sku,
        "errors": [{"pointer": "#", "code": "unreadable", "detail": line.wrong}],
    }


def _passes(error: BaseException) -> bool:
    if isinstance(error, ApiError):
        return error.status == HTTPStatus.UNAUTHORIZED or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, httpx2.TransportError)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        length = len(orjson.dumps(line.product))
        if batch and (len(batch) == _LINES or size + length > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += length
    if batch:
        yield batch
