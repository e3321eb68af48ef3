"""Razorpay's webhook intake: the same door as Stripe's, with Razorpay's signature, which is over the bytes alone."""

import hashlib
import hmac

import orjson
import pytest

from common.events import new_id

from .market import RAZORPAY
from .test_webhooks import statements, stored

PATH = "/payments/webhooks/razorpay"
EVENT = {"entity": "event", "event": "invoice.paid", "contains": ["invoice"], "payload": {}, "created_at": 1}
BODY = orjson.dumps(EVENT)


def signature(body: bytes = BODY, secret: str = RAZORPAY["RAZORPAY_WEBHOOK_SECRET"]) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(body: bytes = BODY, **changes: str) -> dict[str, str]:
    return {"x-razorpay-signature": signature(body), "x-razorpay-event-id": new_id().hex, **changes}


@pytest.fixture
async def till(make_till):
    return await make_till(environ=RAZORPAY)


async def send(till, body: bytes = BODY, given=None):
    return await till.one.client.post(PATH, content=body, headers=headers(body) if given is None else given)


UNSIGNED = {
    "no signature": {},
    "empty": {"x-razorpay-signature": b""},
    "words": {"x-razorpay-signature": b"let me in"},
    "non-ascii": {"x-razorpay-signature": "é".encode() * 64},
    "a list of a thousand": {"x-razorpay-signature": ",".join([signature()] * 1000).encode()},
    "ten kilobytes": {"x-razorpay-signature": b"a" * 10_000},
    "upper case": {"x-razorpay-signature": signature().upper().encode()},
    "another secret": {"x-razorpay-signature": signature(secret="another").encode()},
    "the empty secret": {"x-razorpay-signature": signature(secret="").encode()},
    "the key's secret": {"x-razorpay-signature": signature(secret=RAZORPAY["RAZORPAY_KEY_SECRET"]).encode()},
    "stripe's header": {"stripe-signature": signature().encode()},
}


@pytest.mark.parametrize("name", UNSIGNED)
async def test_what_is_not_signed_by_us_is_refused(till, name) -> None:
    answer = await send(till, given=UNSIGNED[name])
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "signature_invalid"
    assert await stored(till) == 0


async def test_two_signature_headers_are_refused(till) -> None:
    twice = [("x-razorpay-signature", signature())] * 2
    assert (await send(till, given=twice)).status_code == 400


@pytest.mark.parametrize("body", [BODY[:-1] + b" }", BODY + b"\n", BODY.replace(b":1}", b":2}"), b""])
async def test_a_body_changed_by_a_byte_is_refused(till, body) -> None:
    assert (await send(till, body, headers(BODY))).status_code == 400
    assert await stored(till) == 0


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b"1", b"{}", b"{", b"\xff\xfe", b'{"event": 1}', b'{"event": ""}', b'{"event": "\\ud800"}'],
)
async def test_a_signed_body_that_is_no_event_is_refused(till, body) -> None:
    answer = await send(till, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_webhook")
    assert await stored(till) == 0


async def test_a_body_over_the_limit_is_refused(till) -> None:
    assert (await send(till, orjson.dumps({**EVENT, "padding": "x" * 256 * 1024}))).status_code == 413


async def test_an_event_of_a_type_unheard_of_is_stored_and_says_nothing(till) -> None:
    assert (await send(till)).status_code == 200
    await till.one.work_loops("apply facts")
    rows = await till.rows("SELECT provider, type, status, body FROM provider_events")
    assert [(row["provider"], row["type"], row["status"], bytes(row["body"])) for row in rows] == [
        ("razorpay", "invoice.paid", "ignored", BODY)
    ]


async def test_the_same_event_is_stored_and_told_of_once(till) -> None:
    given = headers()
    for _ in range(3):
        assert (await send(till, given=given)).json() == {"received": True}
    assert await stored(till) == 1
    for _ in range(2):
        await till.one.work_loops("apply facts")
    assert [fact["provider"] for fact in await till.told("webhook.received")] == ["razorpay"]


async def test_without_an_event_id_the_bytes_are_the_identity(till) -> None:
    bare = {"x-razorpay-signature": signature()}
    for given in (bare, bare, {**bare, "x-razorpay-event-id": "é".encode()}):
        assert (await send(till, given=given)).status_code == 200
    assert await stored(till) == 1


async def test_both_secrets_are_accepted_while_one_is_replaced(make_till) -> None:
    till = await make_till(environ={**RAZORPAY, "RAZORPAY_WEBHOOK_SECRET": "hook_new, hook"})
    for secret in ("hook_new", "hook"):
        given = headers(**{"x-razorpay-signature": signature(secret=secret)})
        assert (await send(till, given=given)).status_code == 200


async def test_a_provider_that_is_off_takes_no_webhook(make_till) -> None:
    till = await make_till()
    assert (await send(till)).status_code == 400


async def test_a_webhook_costs_one_trip_and_a_refused_one_none(till) -> None:
    await send(till)  # the driver asks each connection once about types
    async with statements(till) as seen:
        await send(till, given={"x-razorpay-signature": "0" * 64})
        assert seen == []
        await send(till)
    assert seen == ["INSERT"]
