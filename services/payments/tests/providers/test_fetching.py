"""What a payment looks like in every state, and what comes of closing it."""

from datetime import UTC, datetime

import orjson
import pytest

from payments.errors import Refused

ENDS = {"stripe intent": "cancelled", "stripe checkout": "cancelled", "razorpay checkout": "left_open"}


def kinds(facts) -> list[str]:
    return [fact.kind for fact in facts]


async def test_what_waits_for_the_buyer_is_open(way) -> None:
    terms = way.terms()
    opened = await way.open(terms)
    [fact] = await way.adapter.fetch(opened.ref)
    assert (fact.kind, fact.subject, fact.object_ref) == ("opened", terms.payment_id, opened.ref)


async def test_what_is_paid_is_captured_by_its_moneys_own_id(way) -> None:
    terms = way.terms()
    opened = await way.open(terms)
    await way.pay(opened)
    [fact] = await way.adapter.fetch(opened.ref)
    prefix = "pay_" if way.provider_name == "razorpay" else "pi_"
    assert (fact.kind, fact.subject, fact.money) == ("captured", terms.payment_id, terms.money)
    assert fact.capture_ref.startswith(prefix)


async def test_a_declined_try_is_told_and_the_next_may_succeed(way) -> None:
    terms = way.terms()
    opened = await way.open(terms)
    await way.pay(opened, "declined")
    [declined] = await way.adapter.fetch(opened.ref)
    assert (declined.kind, declined.subject, declined.reason) == (
        "declined",
        terms.payment_id,
        {"stripe": "generic_decline", "razorpay": "card_declined"}[way.provider_name],
    )
    assert declined.try_ref
    assert [fact.try_ref for fact in await way.adapter.fetch(opened.ref)] == [declined.try_ref]
    await way.pay(opened)
    told = await way.adapter.fetch(opened.ref)
    assert kinds(told)[-1] == "captured"
    assert kinds(told)[:-1] in ([], ["declined"])


async def test_each_declined_try_has_a_name_of_its_own(way) -> None:
    opened = await way.open()
    names = []
    for _ in range(2):
        await way.pay(opened, "declined")
        names += [fact.try_ref for fact in await way.adapter.fetch(opened.ref)]
    assert len(set(names)) == 2


async def test_slow_money_is_processing_until_it_comes(intent, checkout) -> None:
    for way in (intent, checkout):
        opened = await way.open()
        await way.pay(opened, "slow")
        assert kinds(await way.adapter.fetch(opened.ref)) == ["processing"]
        [captured] = await way.facts(opened, "captured")
        assert captured.capture_ref.startswith("pi_")


async def test_slow_money_that_fails_is_a_declined_try_and_a_session_then_ends(intent, checkout) -> None:
    for way, end in ((intent, ["cancelled"]), (checkout, ["declined", "cancelled"])):
        opened = await way.open()
        await way.pay(opened, "slow_failing")
        await way.facts(opened, "declined")
        assert kinds(await way.adapter.close(opened.ref)) == end


async def test_held_money_is_authorized(razorpay) -> None:
    opened = await razorpay.open()
    await razorpay.pay(opened, "declined")
    await razorpay.pay(opened, "held")
    told = await razorpay.adapter.fetch(opened.ref)
    assert kinds(told) == ["declined", "authorized"]
    assert kinds(await razorpay.adapter.close(opened.ref)) == ["declined", "authorized"]


async def test_a_payment_that_is_never_finished_leaves_the_order_open(razorpay) -> None:
    opened = await razorpay.open()
    await razorpay.pay(opened, "unfinished")
    assert kinds(await razorpay.adapter.fetch(opened.ref)) == ["opened"]


async def test_money_that_went_back_had_been_captured(way) -> None:
    opened, capture = await way.paid()
    await way.refund(way.refund_of(capture, None))
    [fact] = await way.adapter.fetch(opened.ref)
    assert (fact.kind, fact.capture_ref, fact.money.amount) == ("captured", capture, 2599)


async def test_closing_ends_what_nobody_paid_or_says_that_it_cannot(way) -> None:
    opened = await way.open()
    for _ in range(2):
        [fact] = await way.adapter.close(opened.ref)
        assert (fact.kind, fact.object_ref) == (ENDS[way.name], opened.ref)
    answer = await way.pay(opened)
    assert (answer.get("razorpay_payment_id") is not None) is (way.provider_name == "razorpay")


async def test_closing_after_a_declined_try_ends_it_too(way) -> None:
    opened = await way.open()
    await way.pay(opened, "declined")
    assert kinds(await way.adapter.close(opened.ref))[-1] == ENDS[way.name]


async def test_closing_what_is_paid_tells_of_the_money(way) -> None:
    opened, capture = await way.paid()
    facts = await way.adapter.close(opened.ref)
    assert [(fact.kind, fact.capture_ref) for fact in facts] == [("captured", capture)]


async def test_closing_leaves_slow_money_alone(intent, checkout) -> None:
    for way in (intent, checkout):
        opened = await way.open()
        await way.pay(opened, "processing")
        assert kinds(await way.adapter.close(opened.ref)) == ["processing"]


async def test_a_buyer_who_pays_while_it_is_closed_has_paid(intent, checkout, instead, street) -> None:
    for way in (intent, checkout):
        stand_in, opened = street.sandbox, await way.open()

        async def racing(scope, receive, send, stand_in=stand_in, way=way, opened=opened) -> None:
            """The stand-in, with a buyer who is a moment quicker than the call that closes."""
            if scope["path"].endswith(("/cancel", "/expire")):
                street.sandbox = stand_in
                await way.pay(opened)
            await stand_in(scope, receive, send)

        async with instead(racing):
            assert kinds(await way.adapter.close(opened.ref)) == ["captured"]


async def test_what_the_provider_does_not_know_is_refused(way) -> None:
    opened = await way.open()
    with pytest.raises(Refused):
        await way.adapter.fetch(opened.ref[:-2] + "zz")


async def test_a_declined_try_is_never_younger_than_money_that_is_held(razorpay) -> None:
    opened = await razorpay.open()
    await razorpay.pay(opened, "declined")
    [declined] = await razorpay.adapter.fetch(opened.ref)
    [(_, body)] = await razorpay.told("payment.failed")
    later = orjson.dumps({**orjson.loads(body), "created_at": orjson.loads(body)["created_at"] + 3600})
    assert [fact.at for fact in razorpay.adapter.parse(later).facts] == [declined.at]
    await razorpay.pay(opened, "held")
    [held] = await razorpay.facts(opened, "authorized")
    assert declined.at <= held.at <= datetime.now(UTC)
