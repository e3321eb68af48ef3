"""What can be done with a Checkout Session through the API (docs.stripe.com/api/checkout/sessions)."""

import json

from sandbox.provider import JsonObject
from sandbox.stripe.books import Books, now
from sandbox.stripe.checkout.objects import new_item, new_session
from sandbox.stripe.errors import Answer, StripeError

KIND = "checkout.session"
_UNPAID = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


def create(books: Books, params: JsonObject) -> Answer:
    """POST /v1/checkout/sessions; it tells no event (docs.stripe.com/api/events/types)."""
    session = new_session(params, f"{books.world.settings.address()}/stripe/checkout")
    books.add(session, json.dumps(params["payment_intent_data"]))
    # Lists begin with what was added last, and a session's items are to be in the order they were given.
    for item in reversed(params["line_items"]):
        books.add(new_item(item), session["id"])
    books.note("expire_session", session["id"], session["expires_at"])
    return Answer(200, session)


def expire(books: Books, _params: JsonObject, session_id: str) -> Answer:
    """POST /v1/checkout/sessions/:id/expire (docs.stripe.com/api/checkout/sessions/expire)."""
    session = books.get(KIND, session_id, "session")
    if session["status"] != "open":
        raise StripeError(
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of `{session['status']}`."
        )
    return Answer(200, close(books, session))


def expire_when_due(books: Books, session: JsonObject) -> JsonObject:
    """The session, expired if its time is over and nobody paid it."""
    overdue = session["status"] == "open" and session["expires_at"] <= now()
    return close(books, session) if overdue else session


def close(books: Books, session: JsonObject) -> JsonObject:
    """Expire an open session; a payment begun but not made is canceled with it."""
    session |= {"status": "expired", "url": None}
    books.save(session)
    if session["payment_intent"] is not None:
        _cancel(books, books.get("payment_intent", session["payment_intent"]))
    books.tell("checkout.session.expired", session)
    return session


def session_of(books: Books, intent_id: str) -> JsonObject | None:
    """The session an intent was made for, if any."""
    found = books.select("kind = ? AND intent = ?", (KIND, intent_id))
    return found[0] if found else None


def _cancel(books: Books, intent: JsonObject) -> None:
    if intent["status"] not in _UNPAID:
        return
    intent |= {"status": "canceled", "canceled_at": now(), "cancellation_reason": "expired", "next_action": None}
    books.save(intent)
    books.tell("payment_intent.canceled", intent)
