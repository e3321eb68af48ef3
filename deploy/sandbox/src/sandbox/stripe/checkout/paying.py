"""A customer's attempt to pay a session, and what becomes of it (docs.stripe.com/checkout/fulfillment)."""

import json
from dataclasses import dataclass

from sandbox.provider import JsonObject
from sandbox.stripe import charging
from sandbox.stripe.books import Books
from sandbox.stripe.cards import numbered
from sandbox.stripe.checkout.objects import customer_details
from sandbox.stripe.checkout.sessions import session_of
from sandbox.stripe.errors import Answer, ParamsError
from sandbox.stripe.methods import from_data
from sandbox.stripe.objects import new_intent, new_method

_TEMPLATE = "{CHECKOUT_SESSION_ID}"


@dataclass(frozen=True)
class Customer:
    """What a customer typed on the page. `number` is a card's or, for a debit that settles later, a bank account's."""

    number: str
    email: str | None
    name: str | None


def attempt(books: Books, session: JsonObject, customer: Customer) -> Answer:
    """Try to pay an open session: 200 with the session, or a decline. Raises `StripeError`."""
    known = session["customer_details"] or {}
    email, name = customer.email or known.get("email"), customer.name or known.get("name")
    if session["amount_total"] == 0:
        session["customer_details"] = customer_details(email, name)
        return Answer(200, _complete(books, session, "no_payment_required"))
    method = _method(books, session, customer.number, {"email": email, "name": name})
    intent = _intent(books, session)
    session |= {"payment_intent": intent["id"], "customer_details": customer_details(email, name)}
    books.save(session)
    intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    books.save(intent)
    if charging.behaviour(books, method["id"]).authenticate:
        charging.authenticate(books, intent, return_url=session["url"], off_session=False)
        return Answer(200, session)
    answer = charging.charge(books, intent)
    return Answer(200, _paid(books, session, intent)) if answer.status == 200 else answer  # noqa: PLR2004 - OK


def authenticated(books: Books, intent: JsonObject) -> str | None:
    """Where a customer who came from a session goes from the bank's page; None for anybody else."""
    session = session_of(books, intent["id"])
    if session is None:
        return None
    if session["status"] == "open" and intent["status"] in {"succeeded", "requires_capture"}:
        _paid(books, session, intent)
    return way_on(session)


def settled(books: Books, intent: JsonObject) -> None:
    """Tell what a delayed payment came to (docs.stripe.com/checkout/fulfillment#delayed-payment-methods)."""
    session = session_of(books, intent["id"])
    if session is None or session["payment_status"] != "unpaid":
        return
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"
        books.tell("checkout.session.async_payment_succeeded", books.save(session))
    elif intent["status"] == "requires_payment_method":
        books.tell("checkout.session.async_payment_failed", session)


def captured(books: Books, intent: JsonObject) -> None:
    """Held money was taken: the session counts as paid."""
    session = session_of(books, intent["id"])
    if session is not None:
        books.save(session | {"payment_status": "paid"})


def way_on(session: JsonObject) -> str:
    """Where a customer goes now: to the page while the session is open, then to the shop."""
    url: str | None = session["url"] if session["status"] == "open" else filled(session, "success_url")
    return url or ""


def filled(session: JsonObject, name: str) -> str | None:
    """The session's `success_url` or `cancel_url` with its id in place of the template."""
    url: str | None = session[name]
    return None if url is None else url.replace(_TEMPLATE, session["id"])


def _method(books: Books, session: JsonObject, typed: str, billing: JsonObject) -> JsonObject:
    number = typed.replace(" ", "").replace("-", "")
    if not number:
        raise ParamsError("Your card number is incomplete.", code="incomplete_number", param="card_number")
    stand_in = numbered(number)
    kind = "us_bank_account" if stand_in.bank else "card"
    if kind not in session["payment_method_types"]:
        raise ParamsError(f"This session cannot be paid by {kind}.", param="card_number")
    if stand_in.bank:
        return books.add(new_method(stand_in, billing), number)
    return from_data(books, {"type": "card", "card": {"number": number}, "billing_details": billing})


def _intent(books: Books, session: JsonObject) -> JsonObject:
    if session["payment_intent"] is not None:
        return books.get("payment_intent", session["payment_intent"])
    given: JsonObject = json.loads(books.label(session["id"]) or "{}")
    wanted = {
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": session["customer"],
    }
    intent = books.add(new_intent(given | wanted, session["payment_method_types"]))
    books.tell("payment_intent.created", intent)
    return intent


def _paid(books: Books, session: JsonObject, intent: JsonObject) -> JsonObject:
    """Held or delayed money is not there yet."""
    return _complete(books, session, "paid" if intent["status"] == "succeeded" else "unpaid")


def _complete(books: Books, session: JsonObject, payment_status: str) -> JsonObject:
    session |= {"status": "complete", "payment_status": payment_status, "url": None}
    books.tell("checkout.session.completed", books.save(session))
    return session
