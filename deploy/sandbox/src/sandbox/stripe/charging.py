"""Taking money for an intent: approval, decline, authentication and slow settlement.

Follows docs.stripe.com/payments/paymentintents/lifecycle.
"""

from sandbox.provider import JsonObject
from sandbox.stripe.books import Books
from sandbox.stripe.cards import OFF_SESSION, Decline, Method, named, numbered
from sandbox.stripe.errors import Answer
from sandbox.stripe.objects import new_charge

_HOPELESS = frozenset({"lost_card", "stolen_card", "fraudulent"})
_AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod"
    " to attempt to fulfill this PaymentIntent again.",
)


def behaviour(books: Books, method_id: str) -> Method:
    """What the test method behind a stored PaymentMethod does."""
    label = books.label(method_id) or ""
    return named(label) or numbered(label)


def charge(books: Books, intent: JsonObject) -> Answer:
    """Attempt the payment with the intent's method, authentication being out of the way."""
    method = books.get("payment_method", intent["payment_method"])
    what = behaviour(books, method["id"])
    if what.bank:
        return _start_debit(books, intent, method, settles=what.settles)
    if what.decline is not None:
        return decline(books, intent, method, what.decline)
    return Answer(200, _approve(books, intent, method))


def authenticate(books: Books, intent: JsonObject, *, return_url: str | None, off_session: bool) -> Answer:
    """Ask the customer to authenticate, or refuse when nobody is there (docs.stripe.com/payments/3d-secure)."""
    if off_session:
        method = books.get("payment_method", intent["payment_method"])
        return decline(books, intent, method, OFF_SESSION)
    page = f"{books.world.settings.address()}/stripe/authenticate/{intent['id']}"
    if return_url is None:
        action: JsonObject = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page},
        }
    else:
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    intent |= {"status": "requires_action", "next_action": action, "last_payment_error": None}
    books.save(intent)
    books.tell("payment_intent.requires_action", intent)
    return Answer(200, intent)


def authenticated(books: Books, intent: JsonObject, *, passed: bool) -> Answer:
    """What the customer's authentication led to."""
    intent["next_action"] = None
    if passed:
        return charge(books, intent)
    method = books.get("payment_method", intent["payment_method"])
    return _fail(books, intent, method, _error(_AUTHENTICATION_FAILED, method, "invalid_request_error"))


def settle(books: Books, intent: JsonObject) -> bool:
    """The bank's answer to a debit, some time after it was started; False if there is none under way any more."""
    if intent["status"] != "processing":
        return False
    method = books.get("payment_method", intent["payment_method"])
    refused = behaviour(books, method["id"]).decline
    if refused is None:
        intent["processing"] = None
        _approve(books, intent, method)
    else:
        decline(books, intent, method, refused)
    return True


def decline(books: Books, intent: JsonObject, method: JsonObject, why: Decline) -> Answer:
    """A refused payment: a failed charge, and the intent wants another method (docs.stripe.com/declines)."""
    failed = books.add(new_charge(intent, method, why, captured=False))
    intent["latest_charge"] = failed["id"]
    books.tell("charge.failed", failed)
    return _fail(books, intent, method, _error(why, method, "card_error") | {"charge": failed["id"]})


def _fail(books: Books, intent: JsonObject, method: JsonObject, error: JsonObject) -> Answer:
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "processing": None,
        "last_payment_error": {**error, "payment_method": method},
    }
    books.save(intent)
    books.tell("payment_intent.payment_failed", intent)
    return Answer(402, {"error": {**error, "payment_intent": intent, "payment_method": method}})


def _error(why: Decline, method: JsonObject, kind: str) -> JsonObject:
    """docs.stripe.com/api/errors; `advice_code` as in docs.stripe.com/declines/card#retrying-issuer-declines."""
    error: JsonObject = {"code": why.code, "message": why.message, "type": kind}
    error["doc_url"] = f"https://docs.stripe.com/error-codes#{why.code.replace('_', '-')}"
    if why.decline_code is not None:
        advice = "do_not_try_again" if why.decline_code in _HOPELESS else "try_again_later"
        error |= {"decline_code": why.decline_code, "advice_code": advice}
    if why.code == "incorrect_cvc":
        error["param"] = "cvc"
    return error | {"payment_method_type": method["type"]}


def _approve(books: Books, intent: JsonObject, method: JsonObject) -> JsonObject:
    manual = intent["capture_method"] == "manual"
    paid = books.add(new_charge(intent, method, None, captured=not manual))
    intent |= {"latest_charge": paid["id"], "next_action": None, "last_payment_error": None}
    if manual:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
    else:
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    books.save(intent)
    books.tell("charge.succeeded", paid)
    books.tell("payment_intent.amount_capturable_updated" if manual else "payment_intent.succeeded", intent)
    return intent


def _start_debit(books: Books, intent: JsonObject, method: JsonObject, *, settles: bool) -> Answer:
    """Bank debits answer after days (docs.stripe.com/payments/ach-direct-debit); here after `settle_after`."""
    intent |= {"status": "processing", "next_action": None, "last_payment_error": None}
    intent["processing"] = {"type": method["type"]}
    books.save(intent)
    books.tell("payment_intent.processing", intent)
    if settles:
        books.note("settle_intent", intent["id"])
    return Answer(200, intent)
