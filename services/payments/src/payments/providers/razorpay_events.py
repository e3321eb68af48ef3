"""Razorpay's events, sent or made of its lists, read as facts. Pure: no network, no SDK."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import orjson

from payments.domain import ProviderFact
from payments.providers import Content, Notice
from payments.providers.razorpay_facts import payment_fact, refund_fact
from payments.providers.reading import Json, event_of, moment, one_header, our_id, readable, text, token

_PAYMENT_TYPES: Final = frozenset({"payment.authorized", "payment.captured", "payment.failed"})
_REFUND_TYPES: Final = frozenset({"refund.created", "refund.processed", "refund.failed"})
FACT_TYPES: Final = _PAYMENT_TYPES | _REFUND_TYPES | {"order.paid"}
# What a webhook would have told of an object that is listed in this state.
_TOLD_AS: Final = {
    "authorized": "payment.authorized",
    "captured": "payment.captured",
    "refunded": "payment.captured",
    "failed": "payment.failed",
    "pending": "refund.created",
    "processed": "refund.processed",
}
_EVENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_notice(body: bytes, headers: Mapping[str, str]) -> Notice:
    """Return an event's identity: Razorpay's id, which is not signed, else the body's hash; raises MalformedWebhook."""
    event_type = token(event_of(body).get("event"))
    given = one_header(headers, "x-razorpay-event-id")
    if given is None or not _EVENT_ID.fullmatch(given):
        given = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return Notice(given, event_type, body)


def notices(entity: str, listed: Sequence[Json]) -> list[Notice]:
    """Return listed payments or refunds as webhooks would have told of them; what is not told of is left out."""
    made = []
    for thing in listed:
        told_as = (
            "refund.failed" if (entity, thing["status"]) == ("refund", "failed") else _TOLD_AS.get(thing["status"])
        )
        if told_as is not None:
            ref = f"list:{text(thing['id'])}:{told_as.partition('.')[2]}"
            event = {
                "entity": "event",
                "event": told_as,
                "contains": [entity],
                "payload": {entity: {"entity": thing}},
                "created_at": thing["created_at"],
            }
            made.append(Notice(ref, told_as, orjson.dumps(event)))
    return made


def read_event(body: bytes, *, livemode: bool) -> Content:
    """Return what an event says to us; raises Unreadable when its object is not what Razorpay documents."""
    event = orjson.loads(body)
    if event.get("entity") != "event":
        return Content(ignored="not an event", alarm=True)
    if event.get("event") not in FACT_TYPES:
        return Content(ignored="of a type that says nothing to us")
    with readable(event["event"]):
        facts = _facts(event, moment(event["created_at"]), livemode=livemode)
    return Content(facts) if facts else Content(ignored="about nothing of ours")


def _facts(event: Json, at: datetime, *, livemode: bool) -> tuple[ProviderFact, ...]:
    payload = event["payload"]
    if event["event"] in _REFUND_TYPES:
        refund = refund_fact(payload["refund"]["entity"], at, livemode=livemode)
        # A refund comes with its payment: whoever has not heard of the capture learns of it first.
        money = payment_fact(payload["payment"]["entity"], livemode=livemode) if payload.get("payment") else None
        return (refund,) if money is None or money.kind != "captured" else (money, refund)
    fact = payment_fact(payload["payment"]["entity"], at, livemode=livemode)
    if fact is None:
        return ()
    order = (payload.get("order") or {}).get("entity") or {}
    subject = our_id(order.get("notes"), "payment_id") if order.get("id") == fact.object_ref else None
    return (replace(fact, subject=subject),)
