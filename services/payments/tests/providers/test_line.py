"""The line to a provider: whatever comes over it, a call ends in time, says one of three things and holds nobody up."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from payments.errors import NotAllowed, UnknownOutcome

ERROR = {"error": {"code": "BAD_REQUEST_ERROR", "description": "Not so.", "reason": "input_validation_failed"}}


def told(code: str, description: str = "Not so.") -> bytes:
    return orjson.dumps({"error": {"code": code, "description": description, "reason": "NA", "field": None}})


UNTOLD = {
    "html 502": Response("<html>Bad Gateway</html>", 502, media_type="text/html"),
    "html 200": Response("<html>Welcome</html>", 200, media_type="text/html"),
    "html 404": PlainTextResponse("no such page", 404),
    "nothing": Response(status_code=204),
    "empty": Response(b"", 200),
    "a string": Response(b'"{}"', 200),
    "a list": Response(b"[]", 200),
    "null": Response(b"null", 200),
    "another object": Response(b'{"hello": "world"}', 200),
    "too many requests": Response(orjson.dumps(ERROR), 429),
    "conflict": Response(orjson.dumps(ERROR), 409),
    "an error of theirs": Response(told("SERVER_ERROR"), 400),
    "an error behind them": Response(told("GATEWAY_ERROR"), 400),
    "in progress": Response(told("BAD_REQUEST_ERROR", "Another payment operation is in progress"), 400),
    "an error without one": Response(b'{"error": null}', 400),
    "a list of errors": Response(b"[1]", 400),
    "elsewhere": RedirectResponse("http://127.0.0.1:9/elsewhere"),
    "too large": Response(b" " * (4 * 1024 * 1024 + 1), 200),
}


THEIR_WORDS = {"an error of theirs", "an error behind them", "in progress"}


@pytest.mark.parametrize("name", UNTOLD)
async def test_what_tells_nothing_leaves_the_outcome_unknown(way, instead, name, capfd) -> None:
    if way.provider_name == "stripe" and name in THEIR_WORDS:
        pytest.skip("Razorpay's words")
    async with instead(UNTOLD[name]):
        for call in (way.open(), way.adapter.fetch(_ref(way))):
            with pytest.raises(UnknownOutcome):
                await call
    assert capfd.readouterr().out == ""


def _ref(way) -> str:
    return {"stripe intent": "pi_1", "stripe checkout": "cs_1", "razorpay checkout": "order_1"}[way.name]


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_not_a_refusal(way, instead, status) -> None:
    async with instead(Response(orjson.dumps(ERROR), status)):
        with pytest.raises(NotAllowed):
            await way.open()


@pytest.mark.parametrize("status", [409, 429, 500, 502, 503])
async def test_what_passes_is_asked_again_and_opens_and_refunds_once(way, status) -> None:
    """A key in use, too many requests, their trouble: the same call is made until it tells, and does one thing."""
    terms = way.terms()
    request, key = way.adapter.payment_request(terms), f"pay-{terms.payment_id}"
    await way.chaos("error", way.opens, status=status)
    with pytest.raises(UnknownOutcome):
        await way.adapter.open(request, key)
    opened = await way.adapter.open(request, key)
    assert [thing["id"] for thing in await way.made()] == [opened.ref]
    await way.pay(opened)
    [capture] = await way.facts(opened, "captured")
    refund = way.refund_of(capture.capture_ref)
    await way.chaos("error", way.refunds, status=status)
    with pytest.raises(UnknownOutcome):
        await way.refund(refund)
    await way.refund(refund)
    assert len(await way.refunded(capture.capture_ref)) == 1


@pytest.mark.parametrize("date", ["Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 31 Dec 2099 23:59:59 GMT", "yesterday"])
async def test_a_providers_clock_tells_nothing(way, instead, street, date) -> None:
    sandbox = street.sandbox

    async def elsewhen(scope, receive, send) -> None:
        async def dated(message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"date", date.encode())]}
            await send(message)

        await sandbox(scope, receive, dated)

    async with instead(elsewhen):
        opened = await way.open()
        await way.pay(opened)
        [capture] = await way.facts(opened, "captured")
        await way.refund(way.refund_of(capture.capture_ref))
    assert abs(capture.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert len(await way.made()) == len(await way.refunded(capture.capture_ref)) == 1


async def test_an_answer_that_drips_is_given_up_in_time(way, instead) -> None:
    async def drip():
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    async with instead(StreamingResponse(drip())):
        began = time.monotonic()
        with pytest.raises(UnknownOutcome):
            await way.open()
        assert time.monotonic() - began < 3


async def test_nobody_there_is_an_unknown_outcome_and_prints_nothing(way, capfd) -> None:
    adapter = way.another(api_base="http://127.0.0.1:9")
    with pytest.raises(UnknownOutcome):
        await adapter.fetch(_ref(way))
    assert capfd.readouterr().out == ""


async def test_a_provider_that_hangs_holds_up_neither_the_loop_nor_other_calls_for_long(razorpay) -> None:
    opened = await razorpay.open()
    await razorpay.chaos("hang", "orders.fetch", count=20)
    longest, last = 0.0, time.monotonic()
    began = last
    calls = [asyncio.create_task(razorpay.adapter.fetch(opened.ref)) for _ in range(20)]
    while not all(call.done() for call in calls):
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert {type(call.exception()) for call in calls} == {UnknownOutcome}
    assert time.monotonic() - began < 3
    assert longest < 0.3
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("razorpay")]
    assert len(threads) <= 8


async def test_a_call_that_is_cancelled_ends_at_once(way) -> None:
    opened = await way.open()
    await way.chaos("hang", "*")
    call = asyncio.create_task(way.adapter.fetch(opened.ref))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert time.monotonic() - began < 0.2
    await way.adapter.disconnect()
    assert (await way.adapter.fetch(opened.ref))[0].kind == "opened"
