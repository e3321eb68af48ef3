"""Stripe's events read as facts. Pure: no network, no SDK."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import orjson

from payments.domain import ProviderFact
from payments.providers import Content, Notice
from payments.providers.reading import Json, event_of, moment, readable, token
from payments.providers.stripe_facts import failed_later, intent_facts, refund_fact, session_facts

# docs.stripe.com/api/events/types: those that carry the objects below as they stood. A list may be asked for twenty.
FACT_TYPES: Final = (
    "payment_intent.created",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
)


def read_notice(body: bytes) -> Notice:
    """Return an event's identity; raises MalformedWebhook for anything that is no event."""
    event = event_of(body)
    return Notice(token(event.get("id")), token(event.get("type")), body)


def notices(events: Sequence[Json]) -> list[Notice]:
    """Return listed events as they would have come by webhook."""
    return [Notice(event["id"], event["type"], orjson.dumps(event)) for event in events]


def read_event(body: bytes, *, livemode: bool) -> Content:
    """Return what an event says to us; raises Unreadable when its object is not what Stripe documents."""
    event = orjson.loads(body)
    if event.get("object") != "event":
        return Content(ignored="not a snapshot event", alarm=True)
    if event.get("account") is not None:
        return Content(ignored="of another account", alarm=True)
    if event.get("livemode") is not livemode:
        return Content(ignored="of the other mode (live or test)", alarm=True)
    if event["type"] not in FACT_TYPES:
        return Content(ignored="of a type that says nothing to us")
    with readable(event["type"]):
        facts = _facts(event, moment(event["created"]), livemode=livemode)
    return Content(facts) if facts else Content(ignored="about nothing of ours")


def _facts(event: Json, at: datetime, *, livemode: bool) -> tuple[ProviderFact, ...]:
    thing = event["data"]["object"]
    if event["type"] == "checkout.session.async_payment_failed":
        return failed_later(thing, at)
    if thing["object"] == "checkout.session":
        return session_facts(thing, at)
    if thing["object"] == "payment_intent":
        return intent_facts(thing, at)
    refunds = [thing] if thing["object"] == "refund" else _listed(thing)
    read = (refund_fact(refund, at, livemode=livemode) for refund in refunds)
    return tuple(fact for fact in read if fact is not None)


def _listed(charge: Json) -> list[Json]:
    """Return a charge's refunds, which newer versions of the API leave out: each has events of its own."""
    refunds = (charge.get("refunds") or {}).get("data") or []
    return [
        {**refund, "payment_intent": refund.get("payment_intent") or charge["payment_intent"]} for refund in refunds
    ]
