"""Providers that speak a little otherwise than they document: never misread, and what can be read is read."""

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from starlette.responses import JSONResponse

from payments.errors import UnknownOutcome, Unreadable

Json = dict[str, Any]
OURS = "0198c0de-0000-7000-8000-000000000001"
LABELS = {"payment_id": OURS, "flow": "intent"}
INTENT: Json = {
    "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 100, "amount_received": 100,
    "currency": "usd", "livemode": False, "client_secret": "s", "cancellation_reason": None, "metadata": LABELS,
    "last_payment_error": None, "latest_charge": {"id": "ch_1", "created": 5},
}  # fmt: skip
ERROR: Json = {"code": "card_declined", "decline_code": "lost", "charge": "ch_1", "payment_method": {"id": "pm_1"}}
DECLINED = {**INTENT, "status": "requires_payment_method", "last_payment_error": ERROR}
CANCELLED = {**INTENT, "status": "canceled", "cancellation_reason": "abandoned"}
SESSION: Json = {
    "id": "cs_1", "object": "checkout.session", "status": "complete", "payment_status": "paid", "amount_total": 100,
    "currency": "usd", "livemode": False, "payment_intent": "pi_1", "metadata": {**LABELS, "flow": "checkout"},
}  # fmt: skip
REFUND: Json = {
    "id": "re_1", "object": "refund", "status": "failed", "amount": 40, "currency": "usd", "payment_intent": "pi_1",
    "metadata": {"refund_id": OURS}, "failure_reason": "lost_or_stolen_card",
}  # fmt: skip
PAYMENT: Json = {
    "id": "pay_1", "order_id": "order_1", "status": "captured", "amount": 100, "currency": "INR", "notes": [],
    "created_at": 1_700_000_000, "captured": True, "error_code": None, "error_reason": None,
}  # fmt: skip
FAILED = {**PAYMENT, "status": "failed", "error_code": "BAD_REQUEST_ERROR", "error_reason": "payment_failed"}
ORDER: Json = {"id": "order_1", "amount": 100, "currency": "INR", "notes": {"payment_id": OURS}, "status": "paid"}
BACK: Json = {
    "id": "rfnd_1", "amount": 40, "currency": "INR", "payment_id": "pay_1", "status": "processed", "notes": {},
    "created_at": 1_700_000_000,
}  # fmt: skip


def stripe_event(kind: str, thing: Json) -> Json:
    event = {"id": "evt_1", "object": "event", "type": kind, "created": 1_700_000_000, "livemode": False}
    return {**event, "data": {"object": thing}}


def razorpay_event(kind: str, **entities: Json) -> Json:
    payload = {name: {"entity": entity} for name, entity in entities.items()}
    return {"entity": "event", "event": kind, "payload": payload, "created_at": 1_700_000_000}


STRIPE = [
    stripe_event("payment_intent.succeeded", INTENT),
    stripe_event("payment_intent.payment_failed", DECLINED),
    stripe_event("payment_intent.canceled", CANCELLED),
    stripe_event("checkout.session.completed", SESSION),
    stripe_event("checkout.session.async_payment_failed", {**SESSION, "payment_status": "unpaid"}),
    stripe_event("refund.failed", REFUND),
    stripe_event("charge.refunded", {"object": "charge", "payment_intent": "pi_1", "refunds": {"data": [REFUND]}}),
]
RAZORPAY = [
    razorpay_event("payment.captured", payment=PAYMENT),
    razorpay_event("payment.failed", payment=FAILED),
    razorpay_event("order.paid", payment=PAYMENT, order=ORDER),
    razorpay_event("refund.processed", refund=BACK, payment=PAYMENT),
]
ODD = [None, "", 0, -1, 1.5, "5", True, [], ["a"], {}, {"id": 5}, "\u0000", 10**18, 2**64 - 1, "x" * 10_000, "new"]
_GONE = object()


def places(thing: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a piece of JSON, by the way to it."""
    for key, value in thing.items() if isinstance(thing, dict) else enumerate(thing if isinstance(thing, list) else ()):
        yield (*path, key)
        yield from places(value, (*path, key))


def odd_ones(event: Json) -> Iterator[bytes]:
    """The event with one thing in it missing or of another kind; what names it is checked at the door."""
    for *way, last in places(event):
        if (*way, last) in {("type",), ("event",)}:
            continue
        for value in (*ODD, _GONE):
            changed = copy.deepcopy(event)
            spot = changed
            for key in way:
                spot = spot[key]
            if value is _GONE:
                del spot[last]
            else:
                spot[last] = value
            yield orjson.dumps(changed)


@pytest.mark.parametrize("event", [*STRIPE, *RAZORPAY], ids=lambda event: event.get("type") or event["event"])
async def test_whatever_is_odd_in_an_event_it_is_unreadable_or_read_as_sound_facts(intent, razorpay, event) -> None:
    adapter = (intent if "type" in event else razorpay).adapter
    assert adapter.parse(orjson.dumps(event)).facts
    for body in odd_ones(event):
        try:
            facts = adapter.parse(body).facts
        except Unreadable:
            continue
        for fact in facts:
            words = (fact.object_ref, fact.capture_ref, fact.try_ref, fact.reason)
            assert all(isinstance(word, str) and len(word) < 600 and "\0" not in word for word in words), body
            assert type(fact.livemode) is bool, body
            assert 0 <= fact.money.amount <= 10**15, body
            assert 1970 <= fact.at.year < 10_000, body
            hash(fact)


async def test_what_may_be_missing_or_null_is_not_missed(intent, razorpay) -> None:
    bare = {name: INTENT[name] for name in ("id", "object", "status", "amount_received", "currency", "livemode")}
    told = stripe_event("payment_intent.succeeded", {**bare, "metadata": LABELS})
    [fact] = intent.adapter.parse(orjson.dumps(told)).facts
    assert (fact.kind, fact.capture_ref) == ("captured", "pi_1")
    for method in (None, "pm_1", {"id": "pm_1"}):
        thing = {**DECLINED, "last_payment_error": {**ERROR, "payment_method": method}}
        [fact] = intent.adapter.parse(orjson.dumps(stripe_event("payment_intent.payment_failed", thing))).facts
        assert (fact.kind, fact.try_ref, fact.reason) == ("declined", "ch_1", "lost")
    captured = razorpay_event("payment.captured", payment=PAYMENT)
    captured["payload"]["order"] = None
    [fact] = razorpay.adapter.parse(orjson.dumps(captured)).facts
    assert (fact.kind, fact.subject, fact.object_ref) == ("captured", None, "order_1")
    refunded = razorpay_event("refund.processed", refund=BACK)
    refunded["payload"]["payment"] = None
    [fact] = razorpay.adapter.parse(orjson.dumps(refunded)).facts
    assert (fact.kind, fact.capture_ref) == ("refund_succeeded", "pay_1")


def books(payments: list[Json], order: Json = ORDER):
    """A Razorpay that has one order with these payments."""

    async def app(scope, receive, send) -> None:
        listed = scope["path"].endswith("/payments")
        answer = {"entity": "collection", "count": len(payments), "items": payments} if listed else order
        await JSONResponse(answer)(scope, receive, send)

    return app


async def test_a_payment_of_an_unheard_status_hides_no_money_beside_it(razorpay, instead) -> None:
    unheard = {**PAYMENT, "id": "pay_0", "status": "on_hold"}
    async with instead(books([unheard, PAYMENT])):
        facts = await razorpay.adapter.fetch("order_1")
    assert [(fact.kind, fact.capture_ref) for fact in facts] == [("captured", "pay_1")]


@pytest.mark.parametrize("others", [[], [FAILED]])
async def test_nobody_says_that_there_is_no_money_while_a_status_is_unheard_of(razorpay, instead, others) -> None:
    async with instead(books([{**PAYMENT, "id": "pay_0", "status": "on_hold"}, *others])):
        for call in (razorpay.adapter.fetch("order_1"), razorpay.adapter.close("order_1")):
            with pytest.raises(UnknownOutcome):
                await call


async def test_a_payment_that_names_another_order_is_not_taken_for_this_ones(razorpay, instead) -> None:
    async with instead(books([{**PAYMENT, "order_id": "order_2"}])):
        facts = await razorpay.adapter.fetch("order_1")
    assert {fact.object_ref for fact in facts} == {"order_2"}
    async with instead(books([{**PAYMENT, "order_id": None}])):
        facts = await razorpay.adapter.fetch("order_1")
    assert {fact.object_ref for fact in facts} == {"order_1"}


@pytest.mark.parametrize("url", [None, 5, _GONE], ids=["null", "a number", "missing"])
async def test_an_open_session_nobody_could_pay_is_not_opened(checkout, instead, url) -> None:
    terms = checkout.terms()
    thing = {**SESSION, "status": "open", "payment_status": "unpaid", "amount_total": 2599, "url": url}
    thing["metadata"] = {"payment_id": str(terms.payment_id), "flow": "checkout"}
    if url is _GONE:
        del thing["url"]
    async with instead(JSONResponse(thing)):
        with pytest.raises(UnknownOutcome):
            await checkout.open(terms)


@pytest.mark.parametrize("notes", [None, [], {}])
async def test_an_order_whose_notes_are_gone_is_found_by_its_receipt(razorpay, instead, notes) -> None:
    terms = razorpay.terms()
    ours = {
        **ORDER,
        "id": "order_7",
        "status": "created",
        "amount": 2599,
        "notes": notes,
        "receipt": terms.payment_id.hex,
    }
    other = {**ours, "id": "order_8", "receipt": "another"}
    others = {**ours, "id": "order_9", "notes": {"payment_id": OURS}}
    async with instead(JSONResponse({"entity": "collection", "count": 3, "items": [others, other, ours]})):
        opened = await razorpay.open(terms)
    assert opened.ref == "order_7"
