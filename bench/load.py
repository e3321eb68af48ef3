"""A load generator: raw HTTP/1.1 requests over connections that are kept open, sent from a process of its own."""

import asyncio
import pickle
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.rounds import percentile


@dataclass(frozen=True, slots=True)
class Load:
    """What to send: whole requests as bytes, over how many connections, or at how many a second (open loop).

    `wanted` is counted in the answers.
    """

    port: int
    requests: Sequence[bytes]
    connections: int = 16
    rate: float = 0
    wanted: bytes = b""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back: requests per second, seconds each took, statuses, how many had what was wanted."""

    rate: float
    seconds: list[float]
    statuses: dict[int, int]
    having: int
    last: bytes

    def ms(self, share: float) -> float:
        """Return a percentile in milliseconds."""
        return percentile(self.seconds, share) * 1000

    def all_are(self, status: int) -> "Answers":
        """Return the same; raises AssertionError when one was answered otherwise."""
        assert set(self.statuses) == {status}, f"{self.statuses}: {self.last[:500]!r}"
        return self


def request(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """Return a request as bytes."""
    given = {"Host": "bench", **({"Content-Length": str(len(body))} if body else {}), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def send(load: Load) -> Answers:
    """Send it all from another process and return what came back."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.loader", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    found, _ = await process.communicate(pickle.dumps(load))
    if process.returncode:
        raise RuntimeError("the load generator failed")
    answers: Answers = pickle.loads(found)  # noqa: S301 - our own
    return answers


class _Connection(asyncio.Protocol):
    """One connection with one request in flight."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    async def ask(self, raw: bytes) -> tuple[int, bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or self._answer is None:
            return
        lower = bytes(self._buffer[:head]).lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) >= head + 4 + length:
            answer, body = self._answer, bytes(self._buffer[head + 4 : head + 4 + length])
            self._buffer.clear()
            answer.set_result((int(lower[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed"))


async def run(load: Load) -> Answers:
    """Send it all from this process."""
    seconds: list[float] = []
    statuses: Counter[int] = Counter()
    having, last = 0, b""

    async def ask(connection: _Connection, raw: bytes) -> None:
        nonlocal having, last
        begun = time.perf_counter()
        status, last = await connection.ask(raw)
        seconds.append(time.perf_counter() - begun)
        statuses[status] += 1
        having += load.wanted in last

    opened = [await _connect(load.port) for _ in range(load.connections)]
    started = time.perf_counter()
    await (_paced(load, opened, ask) if load.rate else _as_fast_as_possible(load, opened, ask))
    return Answers(len(seconds) / (time.perf_counter() - started), seconds, dict(statuses), having, last)


async def _connect(port: int) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", port)
    return connection


async def _as_fast_as_possible(load: Load, opened: list[_Connection], ask: Any) -> None:
    waiting: Iterator[bytes] = iter(load.requests)

    async def keep_asking(connection: _Connection) -> None:
        for raw in waiting:
            await ask(connection, raw)

    async with asyncio.TaskGroup() as group:
        for connection in opened:
            group.create_task(keep_asking(connection))


async def _paced(load: Load, opened: list[_Connection], ask: Any) -> None:
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for connection in opened:
        free.put_nowait(connection)

    async def one(raw: bytes) -> None:
        connection = await free.get()
        await ask(connection, raw)
        free.put_nowait(connection)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, raw in enumerate(load.requests):
            await asyncio.sleep(max(0, begun + number / load.rate - time.perf_counter()))
            group.create_task(one(raw))
