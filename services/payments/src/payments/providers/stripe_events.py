"""Stripe's objects and events read as facts. Pure: no network, no SDK."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from common.money import from_stripe
from payments.domain import Kind, ProviderFact
from payments.errors import MalformedWebhook, Unreadable
from payments.providers import Content, Notice

Json = dict[str, Any]
NAME: Final = "stripe"
# docs.stripe.com/api/events/types: those that carry the objects below as they stood.
FACT_TYPES: Final = (
    "payment_intent.created",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.succeeded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refund.updated",
)
_INTENT_KINDS: Final[dict[str, Kind]] = {
    "requires_payment_method": "opened",
    "requires_confirmation": "opened",
    "requires_action": "opened",
    "processing": "processing",
    "requires_capture": "authorized",
    "canceled": "cancelled",
    "succeeded": "captured",
}
_REFUND_KINDS: Final[dict[str, Kind]] = {
    "pending": "refund_pending",
    "requires_action": "refund_pending",
    "succeeded": "refund_succeeded",
    "failed": "refund_failed",
    "canceled": "refund_failed",
}
_LONGEST_ID = 255


def read_notice(body: bytes) -> Notice:
    """Return an event's identity; raises MalformedWebhook for anything that is no event."""
    try:
        event = orjson.loads(body)
    except ValueError as error:
        raise MalformedWebhook from error
    if not isinstance(event, dict):
        raise MalformedWebhook
    return Notice(_token(event.get("id")), _token(event.get("type")), body)


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
    try:
        thing, at = event["data"]["object"], _time(event["created"])
        facts = (refund_fact(thing, at, livemode=livemode),) if thing["object"] == "refund" else intent_facts(thing, at)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"{event['type']}: {error!r}") from error
    ours = tuple(fact for fact in facts if fact is not None)
    return Content(ours) if ours else Content(ignored="about an object that is not ours")


def intent_facts(intent: Json, at: datetime | None = None) -> tuple[ProviderFact, ...]:
    """Return what a PaymentIntent says: where it stands, and the try that was declined last; () when it is not ours.

    `at` is when it looked so; without it the intent was just fetched.
    """
    subject = _id(intent, "payment_id")
    if subject is None:
        return ()
    kind, charge = _INTENT_KINDS[intent["status"]], intent.get("latest_charge")
    moment = at or datetime.now(UTC).replace(microsecond=0)
    if isinstance(charge, dict):
        moment = _time(charge["created"]) if kind == "captured" and at is None else moment
        charge = charge["id"]
    money = from_stripe(intent["amount_received" if kind == "captured" else "amount"], intent["currency"])
    fact = ProviderFact(
        provider=NAME,
        kind=kind,
        object_ref=intent["id"],
        subject=subject,
        money=money,
        livemode=intent["livemode"],
        at=moment,
        capture_ref=(charge or intent["id"]) if kind == "captured" else "",
        reason=intent.get("cancellation_reason") or "",
    )
    error = intent.get("last_payment_error")
    return (fact,) if not error or kind != "opened" else (_declined(fact, error),)


def _declined(fact: ProviderFact, error: Json) -> ProviderFact:
    method = error.get("payment_method") or {}
    reason = error.get("decline_code") or error.get("code") or error.get("type") or "declined"
    # A failed authentication makes no charge: the method it was tried with and the reason name the try.
    return ProviderFact(
        provider=NAME,
        kind="declined",
        object_ref=fact.object_ref,
        subject=fact.subject,
        money=fact.money,
        livemode=fact.livemode,
        at=fact.at,
        try_ref=error.get("charge") or f"{method.get('id', '')}:{reason}",
        reason=reason,
    )


def refund_fact(refund: Json, at: datetime, *, livemode: bool) -> ProviderFact | None:
    """Return what a Refund says, or None when it is not one of ours. Refunds carry no mode of their own."""
    subject = _id(refund, "refund_id")
    if subject is None:
        return None
    return ProviderFact(
        provider=NAME,
        kind=_REFUND_KINDS[refund["status"]],
        object_ref=refund["id"],
        subject=subject,
        money=from_stripe(refund["amount"], refund["currency"]),
        livemode=livemode,
        at=at,
        reason=refund.get("failure_reason") or "",
    )


def notices(events: Sequence[Json]) -> list[Notice]:
    """Return listed events as they would have come by webhook."""
    return [Notice(event["id"], event["type"], orjson.dumps(event)) for event in events]


def _id(thing: Json, name: str) -> UUID | None:
    try:
        return UUID((thing.get("metadata") or {}).get(name))
    except (TypeError, ValueError, AttributeError):
        return None


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _token(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        raise MalformedWebhook
    if not value.isascii() or not value.isprintable():
        raise MalformedWebhook
    return value
