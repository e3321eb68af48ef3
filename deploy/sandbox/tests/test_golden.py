"""Answers held against what the vendor publishes: the files under golden/ name the page each was taken from."""

import json
import re
from pathlib import Path

import pytest
import stripe

from sandbox.stripe.signature import signature_header

GOLDEN = Path(__file__).parent / "golden"
HEADERS = {"content-type": "application/x-www-form-urlencoded", "authorization": "Bearer sk_test_souk"}


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


async def call(world, method, path, form=""):
    return await world.http.request(method, f"/sandbox/stripe{path}", content=form.encode(), headers=HEADERS)


@pytest.mark.parametrize("name", ["payment_intent_created", "charge", "refund_created", "event"])
async def test_objects_have_every_published_field(world, name):
    paid = await world.paid(amount=1099)
    event = (await world.stripe.v1.events.list_async()).data[0]
    known = {"charge": paid.latest_charge, "event": event.id}
    published = golden(name)
    request = published["request"]
    answer = await call(
        world, request["method"], request["path"].format(**known), request.get("form", "").format(**known)
    )
    assert answer.status_code == published["status"]
    body = answer.json()
    assert {field: body[field] for field in published["values"]} == published["values"]
    for field, pattern in published["types"].items():
        assert field in body
        assert not pattern or re.search(pattern, str(body[field])), field


@pytest.mark.parametrize("case", golden("errors")["cases"], ids=lambda case: case["error"]["code"])
async def test_errors_have_the_published_codes(world, case):
    paid = await world.paid()
    await world.stripe.v1.refunds.create_async({"payment_intent": paid.id})
    answer = await call(world, "POST", case["path"], case["form"].format(refunded=paid.id))
    error = answer.json()["error"]
    assert answer.status_code == case["status"]
    assert {field: error.get(field) for field in case["error"]} == case["error"]
    assert error["doc_url"].startswith("https://docs.stripe.com/error-codes#")


def test_the_signature_is_the_published_one():
    published = golden("webhook_signature")
    secret, moment, body = published["secret"], published["timestamp"], published["body"]
    header = signature_header(body.encode(), [secret], moment + 0.9)
    assert header == stripe.WebhookSignature.generate_signature_header(body, secret, moment)
    assert header == published["header"]
