"""A door before PostgreSQL that lets commits through and, when sharp, cuts the connection before their answer."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

_CHUNK: Final = 65536
_COMMIT: Final = b"COMMIT;\x00"


class Cutter:
    """Hands bytes on; `cuts` counts the commits whose answer came and was kept back, one in twenty while `sharp`."""

    def __init__(self, host: str, port: int, dice: random.Random) -> None:
        self._host, self._port, self._dice = host, port, dice
        self.sharp, self.share, self.cuts, self.port = False, 0.05, 0, 0
        self._open: set[asyncio.WriteTransport] = set()

    @classmethod
    @asynccontextmanager
    async def before(cls, host: str, port: int, dice: random.Random) -> AsyncIterator[Self]:
        """Stand before a server while the block runs."""
        cutter = cls(host, port, dice)
        server = await asyncio.start_server(cutter._serve, "127.0.0.1", 0)
        cutter.port = server.sockets[0].getsockname()[1]
        try:
            yield cutter
        finally:
            server.close()
            for transport in cutter._open:
                transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        ends, doomed = {writer.transport, back.transport}, asyncio.Event()
        self._open |= ends
        up = asyncio.create_task(self._up(reader, back, doomed))
        down = asyncio.create_task(self._down(there, writer, doomed))
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.abort()
        await asyncio.wait((up, down))
        self._open -= ends

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self.sharp and chunk.endswith(_COMMIT) and self._dice.random() < self.share:
                    doomed.set()
                writer.write(chunk)
                await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if doomed.is_set():
                    self.cuts += 1
                    return
                writer.write(chunk)
                await writer.drain()
