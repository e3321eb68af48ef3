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
_LINES, _BYTES = 100, 150_000
_PATIENCE: Final = 120.0  # seconds for which a server that is away is asked again


@dataclass(slots=True)
class Manner:
    """How to import: for whom, whether only to try, and which share of the time to work: the rest belongs to buyers."""

    seller_id: str | None = None
    dry_run: bool = False
    share: float = 0.5


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
        good = [line for line in batch if line.product is not None]
        for line in batch:
            if line.product is None:
                self._refuse(line, None, [{"pointer": "#", "code": "unreadable", "detail": line.wrong}])
        if not good:
            return
        body = {"products": [line.product for line in good], "dry_run": self.manner.dry_run}
        if self.manner.seller_id:
            body["seller_id"] = self.manner.seller_id
        results = (await self._post(body))["results"]
        for line, result in zip(good, results, strict=True):
            if result["state"] == "refused":
                self._refuse(line, result["sku"], result["errors"])
            else:
                self.counts[result["state"]] += 1

    def _refuse(self, line: Line, sku: object, errors: list[Json]) -> None:
        self.counts["refused"] += 1
        self.refused(line.number, sku, errors)

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
