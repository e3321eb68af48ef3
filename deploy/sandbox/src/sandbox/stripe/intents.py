"""What can be done with a PaymentIntent (docs.stripe.com/api/payment_intents)."""

from typing import Final

from sandbox.provider import JsonObject
from sandbox.stripe import charging
from sandbox.stripe.books import Books, now
from sandbox.stripe.cards import OFF_SESSION
from sandbox.stripe.checkout import paying
from sandbox.stripe.checkout.sessions import session_of
from sandbox.stripe.currencies import check_amount, check_currency
from sandbox.stripe.errors import Answer, ParamsError, unexpected_state
from sandbox.stripe.methods import from_data, named_method
from sandbox.stripe.objects import new_intent, offered
from sandbox.stripe.params import merged_metadata, refuse_method_types

_OPEN: Final = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")
_CHANGEABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
_COPIED: Final = (
    "capture_method", "customer", "description", "receipt_email", "setup_future_usage", "shipping",
    "statement_descriptor", "statement_descriptor_suffix", "transfer_group", "application_fee_amount", "transfer_data",
)  # fmt: skip
_CONFIRMED_WITH: Final = ("capture_method", "receipt_email", "shipping", "setup_future_usage")
_ALWAYS_CHANGEABLE: Final = frozenset({"description", "metadata", "receipt_email", "shipping", "transfer_group"})


def check_create(params: JsonObject) -> None:
    """Validate what a new intent is asked for. Raises `ParamsError`."""
    refuse_method_types(params)
    params["currency"] = check_currency(params["currency"])
    check_amount(params["amount"], params["currency"])
    if not params.get("confirm") and (params.get("off_session") is not None or params.get("error_on_requires_action")):
        name = "off_session" if params.get("off_session") is not None else "error_on_requires_action"
        raise ParamsError(
            f"The parameter {name} cannot be passed when creating a PaymentIntent unless confirm is set to true.",
            param=name,
        )


def check_update(params: JsonObject) -> None:
    """Validate an intent's changes as far as they do not depend on it. Raises `ParamsError`."""
    refuse_method_types(params)
    if params.get("currency") is not None:
        params["currency"] = check_currency(params["currency"])


def create(books: Books, params: JsonObject) -> Answer:
    """POST /v1/payment_intents; with `confirm` confirmed at once (docs.stripe.com/api/payment_intents/create)."""
    intent = books.add(new_intent(params))
    _choose_method(books, intent, params)
    books.save(intent)
    books.tell("payment_intent.created", intent)
    return _confirm(books, intent, params) if params.get("confirm") else Answer(200, intent)


def update(books: Books, params: JsonObject, intent_id: str) -> Answer:
    """POST /v1/payment_intents/:id (docs.stripe.com/api/payment_intents/update)."""
    intent = books.get("payment_intent", intent_id, "intent")
    touched = {name for name, value in params.items() if name != "expand" and value != intent.get(name)}
    if intent["status"] not in _CHANGEABLE and touched - _ALWAYS_CHANGEABLE:
        raise _cannot_update(intent, min(touched - _ALWAYS_CHANGEABLE))
    if params.get("amount") is not None or params.get("currency") is not None:
        intent |= {name: params[name] for name in ("amount", "currency") if params.get(name) is not None}
        check_amount(intent["amount"], intent["currency"])
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    intent |= {name: params[name] for name in _COPIED if name in params}
    _narrow(intent, params)
    _choose_method(books, intent, params)
    return Answer(200, books.save(intent))


def confirm(books: Books, params: JsonObject, intent_id: str) -> Answer:
    """POST /v1/payment_intents/:id/confirm (docs.stripe.com/api/payment_intents/confirm)."""
    intent = books.get("payment_intent", intent_id, "intent")
    if intent["status"] == "succeeded":
        message = (
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
        )
        raise unexpected_state(message, intent)
    if intent["status"] not in _CHANGEABLE:
        raise unexpected_state(
            f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent"
            " with one of the following statuses may be confirmed: requires_confirmation, requires_action.",
            intent,
        )
    _check_not_of_session(books, intent, "confirm")
    intent |= {name: params[name] for name in _CONFIRMED_WITH if name in params}
    _narrow(intent, params)
    _choose_method(books, intent, params)
    return _confirm(books, intent, params)


def cancel(books: Books, params: JsonObject, intent_id: str) -> Answer:
    """POST /v1/payment_intents/:id/cancel (docs.stripe.com/api/payment_intents/cancel)."""
    intent = books.get("payment_intent", intent_id, "intent")
    if intent["status"] not in _OPEN:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent"
            f" with one of the following statuses may be canceled: {', '.join(_OPEN)}.",
            intent,
        )
    _check_not_of_session(books, intent, "cancel")
    if intent["status"] == "requires_capture":
        _release(books, intent["latest_charge"])
    reason = params.get("cancellation_reason")
    intent |= {"status": "canceled", "canceled_at": now(), "cancellation_reason": reason}
    intent |= {"amount_capturable": 0, "next_action": None, "processing": None}
    books.save(intent)
    books.tell("payment_intent.canceled", intent)
    return Answer(200, intent)


def capture(books: Books, params: JsonObject, intent_id: str) -> Answer:
    """POST /v1/payment_intents/:id/capture; the rest is released (docs.stripe.com/api/payment_intents/capture)."""
    intent = books.get("payment_intent", intent_id, "intent")
    if intent["status"] != "requires_capture":
        raise unexpected_state(
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}."
            " Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent,
        )
    amount = params.get("amount_to_capture") or intent["amount_capturable"]
    if not 1 <= amount <= intent["amount_capturable"]:
        message = "The amount to capture must be positive and no more than the capturable amount."
        raise ParamsError(message, code="amount_too_large", param="amount_to_capture")
    charge = books.get("charge", intent["latest_charge"])
    charge |= {"captured": True, "amount_captured": amount}
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    books.save(charge)
    books.save(intent)
    books.tell("charge.captured", charge)
    books.tell("payment_intent.succeeded", intent)
    paying.captured(books, intent)
    return Answer(200, intent)


def _confirm(books: Books, intent: JsonObject, params: JsonObject) -> Answer:
    if intent["payment_method"] is None:
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
            " PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a"
            " payment method or ConfirmationToken.",
            intent,
        )
    if not charging.behaviour(books, intent["payment_method"]).authenticate:
        return charging.charge(books, intent)
    if params.get("error_on_requires_action"):
        # docs.stripe.com/error-codes#authentication-required
        method = books.get("payment_method", intent["payment_method"])
        return charging.decline(books, intent, method, OFF_SESSION)
    off_session = params.get("off_session") in {"true", "one_off", "recurring"}
    return charging.authenticate(books, intent, return_url=params.get("return_url"), off_session=off_session)


def _choose_method(books: Books, intent: JsonObject, params: JsonObject) -> None:
    """Attach the given payment method; with one the intent waits to be confirmed."""
    name, data = params.get("payment_method"), params.get("payment_method_data")
    if name is None and data is None:
        return
    method = from_data(books, data) if name is None and data is not None else named_method(books, str(name))
    if method["type"] not in intent["payment_method_types"]:
        listed = ", ".join(intent["payment_method_types"])
        message = (
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent. Please attach a"
            f" PaymentMethod of one of the following types: {listed}."
        )
        raise ParamsError(message, code="payment_intent_invalid_parameter", param="payment_method")
    intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}


def _narrow(intent: JsonObject, params: JsonObject) -> None:
    """Offer other payment methods, if the request says which."""
    if "allowed_payment_method_types" in params or "excluded_payment_method_types" in params:
        intent["payment_method_types"] = offered(params)


def _check_not_of_session(books: Books, intent: JsonObject, deed: str) -> None:
    """A session's intent is paid on its page and canceled by expiring it.

    Source: docs.stripe.com/api/checkout/sessions/object#checkout_session_object-payment_intent.
    """
    session = session_of(books, intent["id"])
    if session is not None and (deed == "confirm" or session["status"] == "open"):
        raise unexpected_state(
            f"You cannot {deed} this PaymentIntent because it belongs to the Checkout Session {session['id']}."
            " To cancel it, expire the Checkout Session.",
            intent,
        )


def _release(books: Books, charge_id: str) -> None:
    """A canceled authorization is given back (docs.stripe.com/payments/place-a-hold-on-a-payment-method#cancel)."""
    charge = books.get("charge", charge_id)
    charge |= {"refunded": True, "amount_refunded": charge["amount"]}
    books.save(charge)
    books.tell("charge.refunded", charge)


def _cannot_update(intent: JsonObject, field: str) -> Exception:
    return unexpected_state(
        f"This PaymentIntent's {field} could not be updated because it has a status of {intent['status']}. You may only"
        f" update the {field} of a PaymentIntent with one of the following statuses: {', '.join(_CHANGEABLE)}.",
        intent,
    )
