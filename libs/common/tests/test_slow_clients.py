"""Clients that are slow, or say nothing: nobody waits for them, and they keep nobody out."""

import asyncio
import json
import time

import pytest
import pytest_asyncio

from common.http import connection

from .talking import HOST, answer, connected, get, is_refusal, post, say, served


@pytest.fixture
def hasty(monkeypatch):
    """A server that waits for nobody long."""
    monkeypatch.setattr(connection, "HEAD_WITHIN", 0.4)
    monkeypatch.setattr(connection, "BODY_WITHIN", 0.4)
    monkeypatch.setattr(connection, "_LOOK_EVERY", 0.05)
    monkeypatch.setattr(connection, "_LINGER", 0.2)


@pytest_asyncio.fixture
async def port(hasty):
    """Where it listens, for a moment."""
    async with served() as port:
        yield port


async def test_b17_less_than_was_announced_is_waited_for_and_then_refused(port):
    is_refusal(await say(port, post(b'{"name":', b"Content-Length: 12\r\n")), 408, "request_timeout")


@pytest.mark.parametrize("step", [1, 0.3])
async def test_b18_a_body_that_comes_byte_by_byte_is_not_waited_for(port, step):
    began = time.monotonic()
    async with connected(port) as (reader, writer):
        writer.write(post(b"", b"Content-Length: 9000\r\n"))
        reading = asyncio.create_task(answer(reader))
        while not reading.done() and time.monotonic() < began + 5:
            writer.write(b" ")
            await asyncio.sleep(step)
        status, _, body = await reading
    assert (status, json.loads(body)["code"]) == (408, "request_timeout")
    assert time.monotonic() - began < 3


async def test_b18_headers_that_come_byte_by_byte_are_not_waited_for(port):
    began = time.monotonic()
    is_refusal(await say(port, b"GET /api/v1/things HTTP/1.1\r\nHos"), 408, "request_timeout")
    assert time.monotonic() - began < 2


async def test_a_large_body_takes_the_time_it_takes(port):
    piece = b" " * 8192
    async with connected(port) as (reader, writer):
        writer.write(post(b"", b"Content-Length: %d\r\n" % (12 * len(piece) + 12)))
        for _ in range(12):  # longer than anybody may stand still
            writer.write(piece)
            await asyncio.sleep(0.1)
        writer.write(b'{"name":"x"}')
        assert (await answer(reader))[0] == 200


@pytest.mark.parametrize("path", [b"/api/v1/slow", b"/api/v1/stream"])
async def test_it_is_we_who_may_take_long(port, path):
    async with connected(port) as (reader, writer):
        writer.write(get(path=path))
        await asyncio.sleep(0.6)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("word", [b"", b"\r\n"])
async def test_who_never_says_anything_is_not_kept(port, monkeypatch, word):
    monkeypatch.setattr(connection, "KEEP_ALIVE", 0.2)
    async with connected(port) as (reader, writer), asyncio.timeout(3):
        writer.write(word)
        assert await reader.read() == b""


async def test_five_hundred_who_are_slow_keep_nobody_out(port):
    async def crawl():
        async with connected(port) as (reader, writer):
            writer.write(b"GET /api/v1/things HTTP/1.1\r\nX-A: ")
            return (await answer(reader))[0]

    crowd = [asyncio.create_task(crawl()) for _ in range(500)]
    await asyncio.sleep(0.1)
    async with connected(port) as (reader, writer), asyncio.timeout(15):
        writer.write(get())
        assert (await answer(reader))[0] == 200
    async with asyncio.timeout(60):
        assert set(await asyncio.gather(*crowd)) == {408}


async def test_who_is_answered_before_the_body_came_is_not_kept(port):
    async with connected(port) as (reader, writer), asyncio.timeout(5):
        writer.write(b"POST /api/v1/unread HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n")
        assert (await answer(reader))[0] == 200
        assert await reader.read() == b""
