"""Who may tell: signatures over the very bytes, and the browser that is handed back."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from starlette.datastructures import Headers
from structlog.testing import capture_logs

from payments.errors import MalformedWebhook, SignatureInvalid

BODIES = {
    "stripe": b'{"id": "evt_1",  "object":"event","type":"customer.created", "name":"\\u00e9", "n": 1.10}',
    "razorpay": b'{"entity":"event",  "event":"order.paid", "name":"\\u00e9", "n": 1.10}',
}


def verified(way, body, headers, at=None):
    return way.adapter.verify(body, headers, at or datetime.now(UTC))


async def test_a_genuine_webhook_has_an_identity_and_a_type(way) -> None:
    body = BODIES[way.provider_name]
    for secret in (None, "hook_old"):
        notice = verified(way, body, way.sign(body, secret))
        assert notice.body == body
        assert notice.type in {"customer.created", "order.paid"}
        assert notice.event_ref in {"evt_1", "evt_of_the_test"}


async def test_names_of_headers_are_read_in_any_case(way) -> None:
    body = BODIES[way.provider_name]
    verified(way, body, {name.title(): value for name, value in way.sign(body).items()})
    verified(way, body, Headers(way.sign(body)))


async def test_changed_or_rewritten_bytes_are_not_genuine(way) -> None:
    body = BODIES[way.provider_name]
    for changed in (body.replace(b"1.10", b"1.11"), orjson.dumps(orjson.loads(body)), body + b" ", b""):
        with pytest.raises(SignatureInvalid):
            verified(way, changed, way.sign(body))


async def test_another_secret_is_not_genuine_nor_is_any_without_one(way) -> None:
    body = BODIES[way.provider_name]
    with pytest.raises(SignatureInvalid):
        verified(way, body, way.sign(body, "another"))
    secretless = way.another(secrets=())
    for secret in ("", "hook_old"):
        with pytest.raises(SignatureInvalid):
            secretless.verify(body, way.sign(body, secret or None), datetime.now(UTC))


async def test_a_flood_of_webhooks_without_a_secret_is_one_line_of_the_log(way) -> None:
    body, secretless = BODIES[way.provider_name], way.another(secrets=())
    with capture_logs() as logs:
        for _ in range(5):
            with pytest.raises(SignatureInvalid):
                secretless.verify(body, way.sign(body), datetime.now(UTC))
    (line,) = logs
    assert line["event"].startswith(f"{way.provider_name.upper()}_WEBHOOK_SECRET is not set")


def spoilt(value: str) -> list[str]:
    return ["", "é" * 64, value[:-1], value + "é", value.upper(), ",".join([value] * 1000), "x" * 10_240, f" {value} ;"]


async def test_a_header_of_any_other_shape_is_refused(way) -> None:
    body = BODIES[way.provider_name]
    name = next(iter(way.sign(body)))
    right = way.sign(body)
    for value in spoilt(right[name]):
        with pytest.raises(SignatureInvalid):
            verified(way, body, {**right, name: value})
    with pytest.raises(SignatureInvalid):
        verified(way, body, {})
    twice = Headers(raw=[(name.encode(), right[name].encode())] * 2)
    with pytest.raises(SignatureInvalid):
        verified(way, body, twice)


@pytest.mark.parametrize("seconds", [-301, 301, 365 * 86400])
async def test_stripes_time_must_be_near(intent, seconds) -> None:
    body, now = BODIES["stripe"], datetime.now(UTC)
    with pytest.raises(SignatureInvalid):
        verified(intent, body, intent.sign(body, at=now.timestamp() + seconds), now)
    for near in (-299, 299):
        verified(intent, body, intent.sign(body, at=now.timestamp() + near), now + timedelta(milliseconds=1))


@pytest.mark.parametrize("header", ["v1={}", "t=,v1={}", "t=" + "9" * 5000 + ",v1={}", "t=1,t=2,v1={}", "t=-1,v1={}"])
async def test_stripes_time_must_be_a_time(intent, header) -> None:
    with pytest.raises(SignatureInvalid):
        verified(intent, b"{}", {"stripe-signature": header.format("0" * 64)})


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"[]", b"null", b"", b"{", b"{}", b'{"id":5,"type":"x","event":7}', b"NaN"]
)
async def test_a_signed_body_that_is_no_event_is_malformed(way, body) -> None:
    with pytest.raises(MalformedWebhook):
        verified(way, body, way.sign(body))


async def test_razorpays_id_is_only_a_name_and_without_one_the_bytes_are(razorpay) -> None:
    body = BODIES["razorpay"]
    right = razorpay.sign(body)
    by_bytes = f"sha256:{hashlib.sha256(body).hexdigest()}"
    for given in ("", "é", "x" * 65, "a b", "list:pay_1:captured", "sha256:0"):
        assert verified(razorpay, body, {**right, "x-razorpay-event-id": given}).event_ref == by_bytes
    del right["x-razorpay-event-id"]
    assert verified(razorpay, body, right).event_ref == by_bytes


async def test_a_browser_handed_back_by_razorpay_names_its_order(razorpay) -> None:
    opened = await razorpay.open()
    fields = await razorpay.pay(opened)
    assert razorpay.adapter.handed_back(fields) == opened.ref


async def test_a_browser_that_makes_it_up_is_refused(razorpay) -> None:
    opened = await razorpay.open()
    fields = await razorpay.pay(opened)
    other = await razorpay.open()
    changes = [
        {"razorpay_order_id": other.ref},
        {"razorpay_payment_id": "pay_other"},
        *({"razorpay_signature": value} for value in spoilt(fields["razorpay_signature"])),
        *({name: ""} for name in fields),
        {"razorpay_order_id": f"{opened.ref}|{fields['razorpay_payment_id']}", "razorpay_payment_id": ""},
    ]
    for change in changes:
        with pytest.raises(SignatureInvalid):
            razorpay.adapter.handed_back({**fields, **change})
    for name in fields:
        with pytest.raises(SignatureInvalid):
            razorpay.adapter.handed_back({key: value for key, value in fields.items() if key != name})


async def test_an_empty_secret_signs_nothing(razorpay) -> None:
    signature = hmac.new(b"", b"order_1|pay_1", hashlib.sha256).hexdigest()
    fields = {"razorpay_order_id": "order_1", "razorpay_payment_id": "pay_1", "razorpay_signature": signature}
    with pytest.raises(SignatureInvalid):
        razorpay.another(key_secret="").handed_back(fields)


async def test_stripe_hands_no_browser_back(intent) -> None:
    with pytest.raises(SignatureInvalid):
        intent.adapter.handed_back({"session_id": "cs_1"})
