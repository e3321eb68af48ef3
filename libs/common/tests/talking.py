"""Talking to a server in bytes, and an application that it serves."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.responses import StreamingResponse

from common.http import create_app, router
from common.http.fields import Line, Strict
from common.http.frame import Frame, Guard
from common.http.refusals import Refusals
from common.serve import listening
from common.telemetry import Metrics
from souk.machines.ports import free_port

HOST = b"Host: shop.test\r\n"
ALWAYS = Guard(Frame()).finish([], [])  # the headers of every answer
JSON = b"Content-Type: application/json\r\n"
routes = router()


class Named(Strict):
    name: Line


@routes.get("/things")
async def things() -> dict[str, int]:
    return {"things": 0}


@routes.get("/slow")
async def slow() -> dict[str, str]:
    await asyncio.sleep(0.3)
    return {"slow": "yes"}


@routes.get("/stream")
async def stream() -> StreamingResponse:
    async def parts():
        for _ in range(8):
            yield b"part\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(parts())


@routes.post("/things")
async def make_thing(body: Named) -> dict[str, str]:
    return {"name": body.name}


@routes.post("/unread")
async def leave_unread() -> dict[str, str]:
    return {"read": "no"}


@asynccontextmanager
async def served(refusals: Refusals | None = None) -> AsyncIterator[int]:
    """The port of an application that listens."""
    port = free_port()
    async with listening(create_app("test", [routes], Metrics("test"), state={}), "127.0.0.1", port, refusals):
        yield port


@asynccontextmanager
async def connected(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader):
    """One answer: its status, its headers, its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def say(port, *parts, pause=0.0):
    """What is answered to these bytes, and what comes after it until the server hangs up."""
    async with connected(port) as (reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(10):
            found = await answer(reader)
            return *found, await reader.read()


def is_refusal(found, status, code):
    got, headers, body, after = found
    problem = json.loads(body)
    assert (got, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert problem["request_id"] == headers["x-request-id"]
    assert {name.decode(): value.decode().lower() for name, value in ALWAYS}.items() <= headers.items()
    assert "server" not in headers
    assert after == b""


def get(*headers, path=b"/api/v1/things"):
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"".join(headers) + b"\r\n"


def post(body, *headers):
    return b"POST /api/v1/things HTTP/1.1\r\n" + HOST + JSON + b"".join(headers) + b"\r\n" + body
