"""Clients that ask and do not read: an answer that nobody takes is given up."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from fastapi.responses import StreamingResponse

from common.http import connection, create_app, router
from common.serve import listening
from common.telemetry import Metrics
from souk.machines.ports import free_port

from .talking import get

PIECE, PIECES = b"x" * 65536, 400
routes = router()
ended: list[int] = []


@routes.get("/large")
async def large() -> StreamingResponse:
    async def parts():
        try:
            for _ in range(PIECES):
                yield PIECE
        finally:
            ended.append(1)

    return StreamingResponse(parts(), headers={"Connection": "close"})


@routes.get("/whole")
async def whole() -> StreamingResponse:
    async def parts():
        yield PIECE * PIECES

    return StreamingResponse(parts(), headers={"Connection": "close"})


@routes.get("/events")
async def events() -> StreamingResponse:
    async def parts():
        for _ in range(3):
            yield b"part\n"
            await asyncio.sleep(1.2)

    return StreamingResponse(parts())


@pytest_asyncio.fixture
async def port(monkeypatch):
    """Where something listens that gives up soon."""
    monkeypatch.setattr(connection, "READ_WITHIN", 0.8)
    monkeypatch.setattr(connection, "_LOOK_EVERY", 0.05)
    ended.clear()
    port = free_port()
    async with listening(create_app("test", [routes], Metrics("test"), state={}), "127.0.0.1", port):
        yield port


@asynccontextmanager
async def asking(port, path):
    """A connection that takes little at a time, on which something was asked."""
    loop, client = asyncio.get_running_loop(), socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(0)
    with client:
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, get(path=path))
        yield client


async def taken(client, pause=0.0, every=1024 * 1024):
    """How many bytes there are to read, with a pause now and then."""
    loop, size, pauses = asyncio.get_running_loop(), 0, 0
    async with asyncio.timeout(30):
        while data := await loop.sock_recv(client, 65536):
            size += len(data)
            if pause and size // every > pauses:
                pauses = size // every
                await asyncio.sleep(pause)
    return size


@pytest.mark.parametrize("path", [b"/api/v1/large", b"/api/v1/whole"])
async def test_who_does_not_read_is_given_up(port, path):
    async with asking(port, path) as client:
        await asyncio.sleep(1.8)
        assert 0 < await taken(client) < len(PIECE) * PIECES
    assert ended == ([1] if path.endswith(b"large") else [])


async def test_who_reads_slowly_gets_it_all(port):
    async with asking(port, b"/api/v1/large") as client:
        assert await taken(client, pause=0.08) > len(PIECE) * PIECES
    assert ended == [1]


async def test_where_there_is_nothing_to_read_nobody_is_given_up(port):
    async with asking(port, b"/api/v1/events") as client:
        loop, read = asyncio.get_running_loop(), b""
        async with asyncio.timeout(10):
            while not read.endswith(b"0\r\n\r\n"):
                read += await loop.sock_recv(client, 4096)
    assert read.count(b"part") == 3
