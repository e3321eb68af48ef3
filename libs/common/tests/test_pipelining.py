"""Requests sent before the answers to earlier ones: a few are answered in order, a flood costs nobody anything."""

import asyncio
import gc
import json
import time

import pytest_asyncio
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from .talking import answer, connected, get, post, served

FEW, FLOOD = 10, 10_000


@pytest_asyncio.fixture
async def port():
    """Where it listens."""
    async with served() as port:
        yield port


def open_requests():
    return sum(type(thing) is RequestResponseCycle for thing in gc.get_objects())


async def until_the_end(reader):
    """The statuses of all answers until the server hangs up."""
    statuses = []
    async with asyncio.timeout(20):
        while not reader.at_eof():
            try:
                statuses.append((await answer(reader))[0])
            except asyncio.IncompleteReadError as error:
                assert error.partial == b""  # nothing is torn away
    return statuses


async def test_a_few_are_answered_in_their_order(port):
    async with connected(port) as (reader, writer):
        bodies = [b'{"name":"%d"}' % n for n in range(FEW)]
        writer.write(b"".join(post(body, b"Content-Length: %d\r\n" % len(body)) for body in bodies))
        assert [(await answer(reader))[2] for _ in range(FEW)] == bodies
        writer.write(get())  # and the connection goes on
        assert (await answer(reader))[0] == 200


async def test_bodies_that_come_in_pieces_are_awaited_in_their_turn(port):
    body = b'{"name":"%s"}' % (b"x" * 60)
    request = post(body, b"Content-Length: %d\r\n" % len(body))
    async with connected(port) as (reader, writer):
        writer.write(get(path=b"/api/v1/slow") + request + request[:-20])
        assert (await answer(reader))[0] == 200
        assert (await answer(reader))[2] == body
        writer.write(request[-20:] + request)
        assert [(await answer(reader))[2] for _ in range(2)] == [body, body]


async def test_a_flood_is_cut_short_and_keeps_nobody_waiting(port):
    async with connected(port) as (reader, writer):
        writer.write(get(path=b"/api/v1/slow") + get() * FLOOD)
        reading = asyncio.create_task(until_the_end(reader))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        async with connected(port) as (other, asking):
            asking.write(get())
            assert (await answer(other))[0] == 200
        assert time.monotonic() - began < 2
        assert open_requests() < 30
        assert await reading == [200] * 17


async def test_a_flood_in_small_pieces_is_cut_short_as_well(port):
    async with connected(port) as (reader, writer):
        reading = asyncio.create_task(until_the_end(reader))
        writer.write(get(path=b"/api/v1/slow"))
        for _ in range(100):
            writer.write(get())
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.5)
        assert open_requests() < 30
        writer.write_eof()
        assert set(await reading) == {200}


async def test_what_is_refused_behind_others_is_refused_in_its_turn(port):
    async with connected(port) as (reader, writer):
        writer.write(get(path=b"/api/v1/slow") + post(b"zz\r\n", b"Transfer-Encoding: chunked\r\n") + get())
        assert json.loads((await answer(reader))[2]) == {"slow": "yes"}
        status, headers, body = await answer(reader)
        assert (status, json.loads(body)["code"], headers["connection"]) == (400, "not_http", "close")
        assert await until_the_end(reader) == []
