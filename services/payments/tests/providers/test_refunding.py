"""Money back: once per key, found again, and what the dashboard gives back."""

import asyncio

import pytest

from common.events import new_id
from payments.errors import Refused, UnknownOutcome

FAULTS = [
    {"mode": "commit_then_hang"},
    *({"mode": "commit_then_error", "variant": "error", "status": status} for status in (409, 429, 500)),
    *({"mode": "commit_then_error", "variant": variant} for variant in ("reset", "truncate", "html")),
    {"mode": "error", "status": 503},
]


async def test_a_refund_says_whose_it_is_and_of_what_money(way) -> None:
    _, capture = await way.paid()
    terms = way.refund_of(capture)
    fact = await way.refund(terms)
    assert (fact.kind, fact.subject, fact.capture_ref) == ("refund_succeeded", terms.refund_id, capture)
    assert fact.money == terms.money
    again = await way.adapter.fetch_refund(fact.object_ref)
    assert (again.kind, again.subject, again.object_ref) == (fact.kind, fact.subject, fact.object_ref)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
async def test_after_an_unknown_outcome_the_same_call_refunds_once(way, fault) -> None:
    _, capture = await way.paid()
    terms = way.refund_of(capture)
    request, key = way.adapter.refund_request(terms), f"refund-{terms.refund_id}-{new_id().hex}"
    await way.chaos(operation=way.refunds, **fault)
    with pytest.raises(UnknownOutcome):
        await way.adapter.refund(request, key)
    again = [await way.adapter.refund(request, key), await way.another().refund(request, key)]
    assert [fact.object_ref for fact in again] == [refund["id"] for refund in await way.refunded(capture)] * 2
    assert {fact.subject for fact in again} == {terms.refund_id}


async def test_all_that_is_left_needs_no_amount(way) -> None:
    _, capture = await way.paid()
    await way.refund(way.refund_of(capture, 1000))
    assert (await way.refund(way.refund_of(capture, None))).money.amount == 1599


async def test_a_refund_is_found_by_our_id(way) -> None:
    _, capture = await way.paid()
    first, second = way.refund_of(capture, 500), way.refund_of(capture, 700)
    made = [await way.refund(terms) for terms in (first, second)]
    found = await way.adapter.find_refund(first.refund_id, capture)
    assert (found.object_ref, found.money.amount) == (made[0].object_ref, 500)
    assert await way.adapter.find_refund(new_id(), capture) is None


async def test_more_than_was_captured_is_refused(way) -> None:
    _, capture = await way.paid()
    with pytest.raises(Refused):
        await way.refund(way.refund_of(capture, 2600))
    assert await way.refunded(capture) == []


async def test_a_slow_refund_is_pending_until_it_arrives_or_fails(way) -> None:
    for how, end in (("pending_refund", "refund_succeeded"), ("failing_refund", "refund_failed")):
        _, capture = await way.paid(how)
        fact = await way.refund(way.refund_of(capture))
        # At Stripe a refund that fails had first succeeded.
        first = "refund_succeeded" if (way.provider_name, how) == ("stripe", "failing_refund") else "refund_pending"
        assert fact.kind == first
        async with asyncio.timeout(5):
            while (await way.adapter.fetch_refund(fact.object_ref)).kind != end:
                await asyncio.sleep(0.05)


async def test_a_dashboards_refund_is_nobodys_but_names_its_money(way) -> None:
    _, capture = await way.paid()
    made = await way.give_back(capture, 700)
    fact = await way.adapter.fetch_refund(made["id"])
    assert (fact.subject, fact.capture_ref, fact.money.amount) == (None, capture, 700)


async def test_where_keys_are_not_honoured_a_refund_is_made_once_all_the_same(razorpay, instead, street) -> None:
    stand_in = street.sandbox

    async def forgetful(scope, receive, send) -> None:
        """The stand-in, as test mode may be: it does not see the key."""
        headers = [(name, value) for name, value in scope["headers"] if name != b"x-refund-idempotency"]
        await stand_in({**scope, "headers": headers}, receive, send)

    for amount in (1000, None):
        _, capture = await razorpay.paid()
        terms = razorpay.refund_of(capture, amount)
        async with instead(forgetful):
            await razorpay.chaos("commit_then_error", razorpay.refunds, variant="reset")
            with pytest.raises(UnknownOutcome):
                await razorpay.refund(terms)
            fact = await razorpay.refund(terms)
        assert [refund["id"] for refund in await razorpay.refunded(capture)] == [fact.object_ref]


async def test_a_refusal_because_the_first_call_got_through_meanwhile_is_no_refusal(razorpay, instead, street) -> None:
    stand_in, made = street.sandbox, []
    _, capture = await razorpay.paid()
    terms = razorpay.refund_of(capture, None)

    async def slow(scope, receive, send) -> None:
        """The stand-in, where an earlier call arrives just before this one."""
        if scope["method"] == "POST" and not made:
            made.append(True)
            notes = {"refund_id": str(terms.refund_id)}
            await razorpay.api("POST", f"payments/{capture}/refund", {"notes": notes})
        await stand_in(scope, receive, send)

    async with instead(slow):
        fact = await razorpay.refund(terms)
    assert [refund["id"] for refund in await razorpay.refunded(capture)] == [fact.object_ref]
