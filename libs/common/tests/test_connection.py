"""The server's own limits, tried with bytes: what is too large or no HTTP at all never reaches a route."""

import asyncio
import json

import pytest
import pytest_asyncio

from common.http.frame import BODY_LIMIT, Frame
from common.http.refusals import Refusals

from .talking import HOST, answer, connected, get, is_refusal, post, say, served


@pytest_asyncio.fixture
async def port():
    """Where it listens."""
    async with served() as port:
        yield port


@pytest.mark.parametrize(
    "raw",
    [
        post(b'{"name":"x"}', b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n"),
        post(b'{"name":"x"}', b"Content-Length: 12\r\nContent-Length: 12\r\n"),
        post(b'{"name":"x"}', b"Content-Length: 12\r\nContent-Length: 5\r\n"),
        post(b'{"name":"x"}', b"Content-Length: -12\r\n"),
        post(b'{"name":"x"}', b"Content-Length: +12\r\n"),
        post(b'{"name":"x"}', b"Content-Length: " + b"9" * 40 + b"\r\n"),
        post(b"zz\r\n", b"Transfer-Encoding: chunked\r\n"),
        post(b"0\r\n\r\n", b"Transfer-Encoding: chunked, identity\r\n"),
        b"GET /api/v1/things HTTP/1.1\r\nHost: shop.test\r\n folded: yes\r\n\r\n",
        b"GET /api/v1/things HTTP/1.1\r\nHost : shop.test\r\n\r\n",
        b"GET /api/v1/things HTTP/1.1\r\nHost: shop.test\r\nX: a\x00b\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /api/v1/things HTTP/9.9\r\n" + HOST + b"\r\n",
        b"NONSENSE /api/v1/things HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
    ],
)
async def test_b17_what_can_be_read_in_two_ways_or_in_none_is_refused(port, raw):
    is_refusal(await say(port, raw), 400, "not_http")


async def test_b17_what_follows_a_body_is_another_request(port):
    status, headers, body, after = await say(port, post(b'{"name":"x"}EVIL', b"Content-Length: 12\r\n"))
    assert (status, body, after) == (200, b'{"name":"x"}', b"")
    assert headers["connection"] == "close"


async def test_a_request_without_a_host_is_refused(port):
    async with connected(port) as (reader, writer):
        writer.write(b"GET /api/v1/things HTTP/1.1\r\n\r\n")
        status, _, body = await answer(reader)
    assert (status, json.loads(body)["code"]) == (400, "bad_host")


@pytest.mark.parametrize(
    "parts",
    [
        [get(b"X-Large: " + b"a" * 65536 + b"\r\n")],
        [get(*(b"X-%d: a\r\n" % n for n in range(1000)))],
        [get(*(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(60)))],
        [b"GET /api/v1/things HTTP/1.1\r\n" + HOST + b"X-Endless: "] + [b"a" * 16384] * 8,
        [get(b"Authorization: Bearer " + b"a" * 100_000 + b"\r\n")],
    ],
)
async def test_b19_headers_have_a_limit(port, parts):
    is_refusal(await say(port, *parts, pause=0.01), 431, "headers_too_large")


async def test_b19_an_address_has_a_limit(port):
    is_refusal(await say(port, get(path=b"/api/v1/things?q=" + b"a" * 9000)), 414, "uri_too_long")


async def test_headers_within_the_limit_are_no_matter(port):
    async with connected(port) as (reader, writer):
        for _ in range(3):  # and they are not added up
            writer.write(get(b"X-Large: " + b"a" * 20_000 + b"\r\n", *(b"X-%d: a\r\n" % n for n in range(90))))
            assert (await answer(reader))[0] == 200


async def test_b12_who_sends_too_much_reads_that_it_was_too_much(port):
    sent = 0
    async with connected(port) as (reader, writer):
        writer.write(post(b"", b"Content-Length: %d\r\n" % (20 * BODY_LIMIT)))
        reading = asyncio.create_task(answer(reader))
        while not reading.done() and sent < 20 * BODY_LIMIT:
            writer.write(b" " * 65536)
            sent += 65536
            await asyncio.sleep(0)
        status, headers, body = await reading
        assert (status, json.loads(body)["code"]) == (413, "payload_too_large")
        assert headers["connection"] == "close"
        async with asyncio.timeout(5):
            assert await reader.read() == b""


async def test_nonsense_after_a_request_does_not_tear_its_answer_away(port):
    status, headers, body, after = await say(port, get(path=b"/api/v1/slow") + b"\x00\x01nonsense\r\n\r\n")
    assert (status, json.loads(body), after) == (200, {"slow": "yes"}, b"")
    assert headers["connection"] == "close"


async def test_requests_one_after_the_other_are_answered_in_order(port):
    async with connected(port) as (reader, writer):
        writer.write(get(path=b"/api/v1/slow") + get() + get(path=b"/nowhere"))
        assert [(await answer(reader))[0] for _ in range(3)] == [200, 200, 404]


@pytest.mark.parametrize(
    "raw",
    [
        get(b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
        get(b"Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
    ],
)
async def test_nobody_is_upgraded(port, raw):
    async with connected(port) as (reader, writer):
        writer.write(raw)
        assert (await answer(reader))[0] == 200


async def test_no_proxy_is_made_of_us(port):
    async with connected(port) as (reader, writer):
        writer.write(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n")
        assert (await answer(reader))[0] in {400, 404, 405}
        writer.write(b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n")


async def test_what_is_refused_is_in_the_log_under_the_id_that_was_told(port, captured_logs):
    _, headers, *_ = await say(port, b"hello\r\n\r\n")
    [line] = [line for line in captured_logs if line["event"] == "request refused"]
    assert (line["code"], line["client"]) == ("not_http", "127.0.0.1")
    assert headers["x-request-id"]


async def test_what_is_refused_has_what_every_answer_has_and_is_counted(metrics):
    async with served(Refusals(Frame(https_only=True), metrics.refused)) as port:
        for raw in (b"hello\r\n\r\n", get(b"X-Large: " + b"a" * 65536 + b"\r\n"), get(path=b"/" + b"a" * 9000)):
            _, headers, *_ = await say(port, raw)
            assert headers["strict-transport-security"]
    for status in ("400", "414", "431"):
        assert metrics.registry.get_sample_value("souk_http_refused_total", {"status": status}) == 1
