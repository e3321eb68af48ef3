"""What providers tell, by webhook or by their lists, read as facts."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from common.events import new_id
from payments.errors import Unreadable

PAID = {
    "stripe intent": ["payment_intent.succeeded"],
    "stripe checkout": ["payment_intent.succeeded", "checkout.session.completed"],
    "razorpay checkout": ["payment.authorized", "payment.captured", "order.paid"],
}
REFUNDED = {
    "stripe intent": ["refund.created"],
    "stripe checkout": ["refund.created"],
    "razorpay checkout": ["refund.created", "refund.processed"],
}


def said(way, letters) -> list:
    """What the adapter makes of webhooks that came."""
    notices = [way.adapter.verify(body, headers, datetime.now(UTC)) for headers, body in letters]
    return [fact for notice in notices for fact in way.adapter.parse(notice.body).facts]


async def test_webhooks_tell_of_money_what_fetching_tells(way) -> None:
    terms = way.terms()
    opened = await way.open(terms)
    await way.pay(opened)
    told = [fact for fact in said(way, await way.told(*PAID[way.name])) if fact.kind == "captured"]
    [fetched] = await way.facts(opened, "captured")
    for fact in told:
        assert (fact.capture_ref, fact.money, fact.livemode) == (fetched.capture_ref, terms.money, False)
        assert fact.subject == terms.payment_id or (fact.subject, fact.object_ref) == (None, opened.ref)
    assert len(told) >= 1


async def test_webhooks_tell_of_declined_tries_by_the_same_name(way) -> None:
    opened = await way.open()
    await way.pay(opened, "declined")
    failed = "payment.failed" if way.provider_name == "razorpay" else "payment_intent.payment_failed"
    [fact] = said(way, await way.told(failed))
    [fetched] = await way.adapter.fetch(opened.ref)
    assert (fact.kind, fact.try_ref, fact.reason) == ("declined", fetched.try_ref, fetched.reason)


async def test_webhooks_tell_of_refunds(way) -> None:
    _, capture = await way.paid()
    terms = way.refund_of(capture)
    made = await way.refund(terms)
    facts = said(way, await way.told(*REFUNDED[way.name]))
    refunds = [fact for fact in facts if fact.kind.startswith("refund")]
    assert {(fact.subject, fact.object_ref, fact.capture_ref) for fact in refunds} == {
        (terms.refund_id, made.object_ref, capture)
    }
    assert refunds[-1].money == terms.money


async def test_a_dashboards_refund_is_told_without_a_subject(way) -> None:
    _, capture = await way.paid()
    made = await way.give_back(capture, 700)
    facts = said(way, await way.told(*REFUNDED[way.name]))
    refunds = [fact for fact in facts if fact.kind.startswith("refund")]
    assert {(fact.subject, fact.object_ref, fact.capture_ref) for fact in refunds} == {(None, made["id"], capture)}


async def test_a_sessions_end_is_told(checkout) -> None:
    terms = checkout.terms()
    opened = await checkout.open(terms)
    await checkout.adapter.close(opened.ref)
    [fact] = said(checkout, await checkout.told("checkout.session.expired"))
    assert (fact.kind, fact.object_ref, fact.subject) == ("cancelled", opened.ref, terms.payment_id)


async def test_a_completed_session_is_paid_only_if_stripe_says_so(checkout) -> None:
    opened = await checkout.open()
    await checkout.pay(opened, "slow")
    [completed] = said(checkout, await checkout.told("checkout.session.completed"))
    assert (completed.kind, completed.object_ref) == ("processing", opened.ref)
    [later] = said(checkout, await checkout.told("checkout.session.async_payment_succeeded"))
    assert (later.kind, later.capture_ref[:3]) == ("captured", "pi_")


async def test_a_slow_method_that_fails_is_one_declined_try_whoever_tells_of_it(checkout) -> None:
    opened = await checkout.open()
    await checkout.pay(opened, "slow_failing")
    [fact] = said(checkout, await checkout.told("checkout.session.async_payment_failed"))
    assert (fact.kind, fact.object_ref, fact.reason) == ("declined", opened.ref, "async_payment_failed")
    [same] = said(checkout, await checkout.told("payment_intent.payment_failed"))
    [fetched] = await checkout.facts(opened, "declined")
    assert fact.try_ref == same.try_ref == fetched.try_ref


async def test_an_intent_inside_a_session_says_nothing_of_the_sessions_end(checkout) -> None:
    opened = await checkout.open()
    await checkout.pay(opened, "declined")
    await checkout.adapter.close(opened.ref)
    for body in [body for _, body in await checkout.told("payment_intent.created", "payment_intent.canceled")]:
        assert checkout.adapter.parse(body).facts == ()


async def test_money_that_nobody_captured_and_that_went_back_is_no_capture(razorpay) -> None:
    opened = await razorpay.open()
    await razorpay.pay(opened, "held")
    [(_, body)] = await razorpay.told("payment.authorized")
    payment = orjson.loads(body)["payload"]["payment"]["entity"]
    refund = {"id": "rfnd_1", "amount": 2599, "currency": "INR", "status": "processed", "payment_id": payment["id"]}
    event = event_of(
        "refund.processed", refund={**refund, "notes": []}, payment={**payment, "status": "refunded", "captured": False}
    )
    [fact] = razorpay.adapter.parse(orjson.dumps(event)).facts
    assert (fact.kind, fact.subject, fact.capture_ref) == ("refund_succeeded", None, payment["id"])


async def test_the_buyers_notes_name_no_payment(razorpay) -> None:
    payment = {"id": "pay_1", "order_id": "order_1", "status": "captured", "amount": 100, "currency": "INR"}
    event = event_of("payment.captured", payment={**payment, "created_at": 1, "notes": {"payment_id": str(new_id())}})
    [fact] = razorpay.adapter.parse(orjson.dumps(event)).facts
    assert (fact.subject, fact.object_ref, fact.capture_ref) == (None, "order_1", "pay_1")


async def test_the_list_tells_what_webhooks_would_have_told(way) -> None:
    began = datetime.now(UTC)
    terms = way.terms()
    opened = await way.open(terms)
    await way.pay(opened, "declined")
    await way.pay(opened)
    [captured] = await way.facts(opened, "captured")
    refund = await way.refund(way.refund_of(captured.capture_ref))
    listed = [notice async for page in way.adapter.events_since(began) for notice in page]
    facts = [fact for notice in listed for fact in way.adapter.parse(notice.body).facts]
    money = [fact for fact in facts if fact.kind == "captured"]
    assert {(fact.capture_ref, fact.money) for fact in money} == {(captured.capture_ref, terms.money)}
    assert [fact.kind for fact in facts if fact.kind == "declined"] == ["declined"]
    assert {fact.subject for fact in facts if fact.object_ref == refund.object_ref} == {refund.subject}
    again = [notice async for page in way.adapter.events_since(began) for notice in page]
    assert {notice.event_ref for notice in again} == {notice.event_ref for notice in listed}
    assert [page async for page in way.adapter.events_since(began + timedelta(hours=1)) if page] == []


async def test_a_long_list_is_read_to_its_end(intent, razorpay) -> None:
    for way, failed in ((intent, "payment_intent.payment_failed"), (razorpay, "payment.failed")):
        began = datetime.now(UTC)
        opened = await way.open()
        for _ in range(103):
            await way.pay(opened, "declined")
        listed = [notice async for page in way.adapter.events_since(began) for notice in page]
        tries = {notice.event_ref for notice in listed if notice.type == failed}
        assert len(tries) == 103
    assert all(name.startswith("list:pay_") and name.endswith(":failed") for name in tries)


def event_of(kind: str, **entities: dict) -> dict:
    """A Razorpay event."""
    payload = {name: {"entity": entity} for name, entity in entities.items()}
    return {"entity": "event", "account_id": "acc_1", "event": kind, "payload": payload, "created_at": 1_700_000_000}


def stripe_event(kind: str, thing: dict, **changes: object) -> dict:
    """A Stripe event."""
    event = {"id": "evt_1", "object": "event", "type": kind, "created": 1_700_000_000, "livemode": False}
    return {**event, "data": {"object": thing}, **changes}


INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "amount": 100,
    "amount_received": 100,
    "currency": "usd",
    "livemode": False,
    "metadata": {"payment_id": "0198c0de-0000-7000-8000-000000000001"},
}
PAYMENT = {"id": "pay_1", "order_id": "order_1", "status": "captured", "amount": 100, "currency": "INR", "notes": []}
REFUND = {"id": "re_1", "object": "refund", "status": "succeeded", "amount": 40, "currency": "usd"}


@pytest.mark.parametrize(
    ("event", "alarm"),
    [
        (stripe_event("payment_intent.succeeded", INTENT, account="acct_other"), True),
        (stripe_event("payment_intent.succeeded", INTENT, livemode=True), True),
        ({"object": "v2.core.event", "type": "x"}, True),
        (stripe_event("customer.created", {"object": "customer"}), False),
        (stripe_event("payment_intent.succeeded", {**INTENT, "metadata": {}}), False),
        (stripe_event("payment_intent.succeeded", {**INTENT, "metadata": {"payment_id": "1"}}), False),
        (stripe_event("checkout.session.completed", {"object": "checkout.session", "metadata": None}), False),
        (stripe_event("refund.created", {**REFUND, "payment_intent": None}), False),
        (stripe_event("charge.refunded", {"object": "charge", "payment_intent": "pi_1", "amount_refunded": 40}), False),
    ],
)
async def test_stripes_events_that_are_not_for_us_are_ignored_and_some_alarm(intent, event, alarm) -> None:
    content = intent.adapter.parse(orjson.dumps(event))
    assert (content.facts, content.alarm) == ((), alarm)
    assert content.ignored


@pytest.mark.parametrize(
    ("event", "alarm"),
    [
        ({"entity": "order"}, True),
        (event_of("subscription.charged"), False),
        (event_of("payment.dispute.created", payment=PAYMENT), False),
        (event_of("payment.captured", payment={**PAYMENT, "order_id": None}), False),
    ],
)
async def test_razorpays_events_that_are_not_for_us_are_ignored_and_some_alarm(razorpay, event, alarm) -> None:
    content = razorpay.adapter.parse(orjson.dumps(event))
    assert (content.facts, content.alarm) == ((), alarm)
    assert content.ignored


SPOILT = [{"amount": "100"}, {"amount": 1.5}, {"amount": None}, {"currency": "XXQ"}, {"currency": 7}, {"id": None}]


@pytest.mark.parametrize("spoilt", [*SPOILT, {"status": "new_status"}, {"amount_received": True}])
async def test_what_matters_must_be_as_stripe_documents_it(intent, spoilt) -> None:
    thing = {**INTENT, **spoilt, **({"status": "requires_action"} if "amount" in spoilt else {})}
    with pytest.raises(Unreadable):
        intent.adapter.parse(orjson.dumps(stripe_event("payment_intent.succeeded", thing)))


@pytest.mark.parametrize("spoilt", [*SPOILT, {"status": "new_status"}, {"order_id": 5}])
async def test_what_matters_must_be_as_razorpay_documents_it(razorpay, spoilt) -> None:
    with pytest.raises(Unreadable):
        razorpay.adapter.parse(orjson.dumps(event_of("payment.captured", payment={**PAYMENT, **spoilt})))


async def test_an_intent_may_be_expanded_wherever_it_is_named(intent) -> None:
    ours = {"payment_id": "0198c0de-0000-7000-8000-000000000001"}
    session = {
        "id": "cs_1", "object": "checkout.session", "status": "complete", "payment_status": "paid", "metadata": ours,
        "amount_total": 100, "currency": "usd", "livemode": False, "payment_intent": INTENT,
    }  # fmt: skip
    for thing in (session, {**session, "payment_intent": "pi_1"}):
        [fact] = intent.adapter.parse(orjson.dumps(stripe_event("checkout.session.completed", thing))).facts
        assert (fact.object_ref, fact.capture_ref) == ("cs_1", "pi_1")
    for named in (INTENT, "pi_1"):
        [fact] = intent.adapter.parse(
            orjson.dumps(stripe_event("refund.updated", {**REFUND, "payment_intent": named}))
        ).facts
        assert (fact.subject, fact.capture_ref) == (None, "pi_1")


async def test_a_charge_with_its_refunds_tells_of_each(intent) -> None:
    refunds = {"data": [REFUND, {**REFUND, "id": "re_2"}]}
    charge = {"object": "charge", "payment_intent": "pi_1", "refunds": refunds}
    facts = intent.adapter.parse(orjson.dumps(stripe_event("charge.refunded", charge))).facts
    assert [(fact.object_ref, fact.capture_ref) for fact in facts] == [("re_1", "pi_1"), ("re_2", "pi_1")]
