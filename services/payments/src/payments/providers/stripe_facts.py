"""Stripe's objects read as facts. Pure: no network, no SDK."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from common.money import from_stripe
from payments.domain import Kind, ProviderFact
from payments.providers.reading import Json, flag, moment, our_id, text, whole, word

NAME: Final = "stripe"
_INTENT_KINDS: Final[dict[str, Kind]] = {
    "requires_payment_method": "opened",
    "requires_confirmation": "opened",
    "requires_action": "opened",
    "processing": "processing",
    "requires_capture": "authorized",
    "canceled": "cancelled",
    "succeeded": "captured",
}
_SESSION_KINDS: Final[dict[str, Kind]] = {"open": "opened", "expired": "cancelled"}
_COMPLETED_KINDS: Final[dict[str, Kind]] = {"unpaid": "processing", "paid": "captured"}
_LATER: Final = "async_payment_failed"
# What becomes of these is known after the session was completed (docs.stripe.com/payments/payment-methods).
_SLOW_METHODS: Final = frozenset(
    """acss_debit au_becs_debit bacs_debit boleto customer_balance konbini multibanco nz_bank_account oxxo sepa_debit
    sofort us_bank_account""".split()
)
_REFUND_KINDS: Final[dict[str, Kind]] = {
    "pending": "refund_pending",
    "requires_action": "refund_pending",
    "succeeded": "refund_succeeded",
    "failed": "refund_failed",
    "canceled": "refund_failed",
}


def intent_facts(intent: Json, at: datetime | None = None) -> tuple[ProviderFact, ...]:
    """Return what a PaymentIntent says: where it stands, or the try that was declined last; () when it is not ours.

    `at` is when it looked so; without it the intent was just fetched. That one inside a Checkout Session waits or is
    cancelled is for the session to say.
    """
    subject = our_id(intent.get("metadata"), "payment_id")
    if subject is None:
        return ()
    kind = _INTENT_KINDS[intent["status"]]
    captured = kind == "captured"
    fact = ProviderFact(
        provider=NAME,
        kind=kind,
        object_ref=text(intent["id"]),
        subject=subject,
        money=from_stripe(whole(intent["amount_received" if captured else "amount"]), text(intent["currency"])),
        livemode=flag(intent["livemode"]),
        at=at or _fetched(intent, captured=captured),
        capture_ref=intent["id"] if captured else "",
        reason=word(intent.get("cancellation_reason")),
    )
    error = intent.get("last_payment_error")
    if error and kind == "opened":
        return (_declined(fact, error, in_session=in_session(intent)),)
    return () if in_session(intent) and kind in {"opened", "cancelled"} else (fact,)


def session_facts(session: Json, at: datetime | None = None) -> tuple[ProviderFact, ...]:
    """Return what a Checkout Session says: where it stands; () when it is not ours."""
    subject = our_id(session.get("metadata"), "payment_id")
    if subject is None:
        return ()
    completed = session["status"] == "complete"
    kind = _COMPLETED_KINDS[session["payment_status"]] if completed else _SESSION_KINDS[session["status"]]
    fact = ProviderFact(
        provider=NAME,
        kind=kind,
        object_ref=text(session["id"]),
        subject=subject,
        money=from_stripe(whole(session["amount_total"]), text(session["currency"])),
        livemode=flag(session["livemode"]),
        at=at or _fetched(session, captured=False),
        capture_ref=text(id_of(session["payment_intent"])) if kind == "captured" else "",
        reason="expired" if kind == "cancelled" else "",
    )
    return (fact,)


def failed_later(session: Json, at: datetime) -> tuple[ProviderFact, ...]:
    """Return the declined try of a session that was completed with a slow method; () when it is not ours."""
    try_ref = f"{id_of(session.get('payment_intent'))}:{_LATER}"
    return tuple(replace(fact, kind="declined", try_ref=try_ref, reason=_LATER) for fact in session_facts(session, at))


def refund_fact(refund: Json, at: datetime, *, livemode: bool) -> ProviderFact | None:
    """Return what a Refund says, None when it is of no PaymentIntent. Refunds carry no mode of their own."""
    subject, capture_ref = our_id(refund.get("metadata"), "refund_id"), id_of(refund.get("payment_intent"))
    if subject is None and not capture_ref:
        return None
    return ProviderFact(
        provider=NAME,
        kind=_REFUND_KINDS[refund["status"]],
        object_ref=text(refund["id"]),
        subject=subject,
        money=from_stripe(whole(refund["amount"]), text(refund["currency"])),
        livemode=livemode,
        at=at,
        capture_ref=capture_ref,
        reason=word(refund.get("failure_reason")),
    )


def in_session(intent: Json) -> bool:
    """Say whether a PaymentIntent belongs to a Checkout Session."""
    return (intent.get("metadata") or {}).get("flow") == "checkout"


def id_of(thing: object) -> str:
    """Return the id of what may have been expanded, "" where there is nothing."""
    return word(thing.get("id") if isinstance(thing, dict) else thing)


def _declined(fact: ProviderFact, error: Json, *, in_session: bool) -> ProviderFact:
    method = error.get("payment_method")
    reason = word(error.get("decline_code"), error.get("code"), error.get("type"), "declined")
    # A failed authentication makes no charge: the method it was tried with and the reason name the try.
    try_ref = id_of(error.get("charge")) or f"{id_of(method)}:{reason}"
    if in_session and isinstance(method, dict) and method.get("type") in _SLOW_METHODS:
        # The session tells of the same try, and knows nothing but its intent; it takes no other after this one.
        try_ref = f"{fact.object_ref}:{_LATER}"
    return replace(fact, kind="declined", try_ref=try_ref, reason=reason)


def _fetched(thing: Json, *, captured: bool) -> datetime:
    charge = thing.get("latest_charge")
    if captured and isinstance(charge, dict):
        return moment(charge["created"])
    return datetime.now(UTC).replace(microsecond=0)
