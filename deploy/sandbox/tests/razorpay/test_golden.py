"""Answers and webhooks held against what the vendor publishes: the files under golden/ name the page of each sample."""

import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
BASIC = ("rzp_test_souk", "secret_of_souk")
ANY_KEYS = {"notes", "acquirer_data"}  # what is in them differs from payment to payment


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


def assert_alike(ours, published, path=""):
    """Every published field is there and of the published type; either may be null or empty."""
    for name, theirs in published.items():
        assert name in ours, f"{path}{name} is missing"
        mine = ours[name]
        if name in ANY_KEYS or not theirs or not mine:
            continue
        assert type(mine) is type(theirs), f"{path}{name}: {mine!r} for {theirs!r}"
        if isinstance(theirs, dict):
            assert_alike(mine, theirs, f"{path}{name}.")


async def test_objects_have_every_published_field(till):
    notes = {"a": "b"}
    made = {"order": await till.order(receipt="r", notes=notes), "payment": await till.paid(notes=notes)}
    made["failed_payment"] = await till.paid("4100280000070002")
    made["refund"] = await till.refund(made["payment"], notes=notes)
    for name, sample in golden("objects").items():
        assert_alike(made[name], sample["published"], f"{name}.")
    published = golden("objects")["failed_payment"]["published"]
    words = {name: value for name, value in published.items() if name.startswith("error_")}
    assert {name: made["failed_payment"][name] for name in words} == words


async def test_webhooks_have_every_published_field(till):
    payment = await till.paid()
    await till.paid("4100280000060003")
    await till.refund(payment, amount=1000)
    await till.world.until(lambda: len(till.told()) == 6)
    told = {event["event"]: event for event in till.world.shop.events}
    samples = golden("webhooks")
    assert told.keys() == samples.keys()
    for name, sample in samples.items():
        assert_alike(told[name], sample["published"], f"{name}.")
        assert told[name].keys() == sample["published"].keys()
        assert told[name]["contains"] == sample["published"]["contains"]


@pytest.mark.parametrize("case", golden("errors"), ids=lambda case: case["answer"]["error"]["description"][:30])
async def test_errors_are_worded_as_published(till, case):
    payment = await till.paid()
    await till.refund(payment, "used-already", amount=100)
    url = f"/sandbox/razorpay/v1/{case['path'].format(payment=payment['id'])}"
    headers = {"x-refund-idempotency": case["key"]} if "key" in case else {}
    body = case["body"] or None
    answer = await till.world.http.request(case["method"], url, json=body, headers=headers, auth=BASIC)
    assert answer.status_code == case["status"]
    assert answer.json() == case["answer"]
