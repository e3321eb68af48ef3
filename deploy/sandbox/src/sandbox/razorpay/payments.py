"""A payment's life: attempted, authorized, captured, failed, late (razorpay.com/docs/payments/payments)."""

from dataclasses import dataclass
from typing import Final

from sandbox.provider import JsonObject
from sandbox.razorpay import refunds
from sandbox.razorpay.books import Books
from sandbox.razorpay.cards import TIMED_OUT, Card, Decline, Paying, numbered
from sandbox.razorpay.errors import RazorpayError, already_paid, invalid
from sandbox.razorpay.objects import authorized, captured, failed, new_payment
from sandbox.razorpay.params import require

_NOT_CAPTURED_BY_ITSELF: Final = frozenset({Paying.HELD, Paying.SLOWLY})


@dataclass(frozen=True)
class Attempt:
    """What came of an attempt to pay: the payment as it is now, and the refusal if it failed."""

    payment: JsonObject
    refusal: RazorpayError | None = None


def attempt(books: Books, order: JsonObject, params: JsonObject) -> Attempt:
    """A customer's attempt at the checkout. Raises `RazorpayError` when the order takes no payment at all."""
    _check_open(books, order)
    card = numbered(str(params["card_number"]).replace(" ", "").replace("-", ""))
    amount = _amount(books, order, params)
    secrets = {"card_number": card.number, "after": params.get("after")}
    payment = books.add(new_payment(order, card, amount, params), secrets)
    if card.paying is Paying.NEVER:
        return Attempt(payment)
    order["attempts"] += 1
    if order["status"] == "created":
        order["status"] = "attempted"
    books.save(order)
    refused = TIMED_OUT if card.paying is Paying.LATE else card.decline
    if refused is not None:
        return _refuse(books, payment, refused, card)
    return Attempt(_authorize(books, payment, card))


def capture(books: Books, params: JsonObject, payment_id: str) -> JsonObject:
    """POST /v1/payments/:id/capture (razorpay.com/docs/api/payments/capture)."""
    require(params, "amount", "currency")
    payment = books.get("payment", payment_id)
    if payment["status"] in {"captured", "refunded"}:
        raise RazorpayError("This payment has already been captured")
    if payment["status"] != "authorized":
        raise RazorpayError("Only payments which have been authorized and not yet captured can be captured")
    if params["amount"] != payment["amount"]:
        raise invalid("amount", "Capture amount must be equal to the amount authorized")
    if params["currency"] != payment["currency"]:
        raise invalid("currency", "Capture currency must be equal to the currency of the payment")
    order = books.get("order", payment["order_id"])
    if order["status"] == "paid":
        raise already_paid()
    return _capture(books, payment, order)


def settle(books: Books, payment_id: str) -> None:
    """What the bank says a while later: a timed out payment was authorized; a slow capture comes."""
    payment = books.get("payment", payment_id)
    if payment["status"] == "failed":
        _authorize(books, payment | {"late_authorized": True}, Card(""))
    elif payment["status"] == "authorized":
        _capture_or_give_back(books, payment)


def _check_open(books: Books, order: JsonObject) -> None:
    """An order takes no payment once it is paid, nor while one of its payments is authorized.

    Follows razorpay.com/docs/payments/orders.
    """
    if order["status"] == "paid":
        raise already_paid({"order_id": order["id"]})
    if any(payment["status"] == "authorized" for payment in books.payments_of(order["id"])):
        raise RazorpayError("Payment already done for this order.", metadata={"order_id": order["id"]})


def _amount(books: Books, order: JsonObject, params: JsonObject) -> int:
    """All that is due, or less of it where the order allows partial payments."""
    asked = params.get("amount")
    if asked is None:
        return int(order["amount_due"])
    if asked > order["amount_due"] or (asked != order["amount_due"] and not books.secrets(order["id"])["partial"]):
        raise invalid("amount", "Payment amount is different from your order amount. To pay successfully, please try"
                      " using right amount.")  # fmt: skip
    return int(asked)


def _refuse(books: Books, payment: JsonObject, refused: Decline, card: Card) -> Attempt:
    metadata = {"payment_id": payment["id"], "order_id": payment["order_id"]}
    error = RazorpayError(refused.description, why=refused.why, metadata=metadata)
    payment = books.save(failed(payment, error))
    books.tell("payment.failed", payment=payment)
    if card.paying is Paying.LATE:
        books.note("settle_payment", payment["id"], books.secrets(payment["id"])["after"])
    return Attempt(payment, error)


def _authorize(books: Books, payment: JsonObject, card: Card) -> JsonObject:
    payment = books.save(authorized(payment))
    books.tell("payment.authorized", payment=payment)
    if card.paying is Paying.SLOWLY:
        books.note("settle_payment", payment["id"], books.secrets(payment["id"])["after"])
    if card.paying in _NOT_CAPTURED_BY_ITSELF:
        return payment
    return _capture_or_give_back(books, payment)


def _capture_or_give_back(books: Books, payment: JsonObject) -> JsonObject:
    """What happens by itself: a second payment of a paid order is given back at once, uncaptured.

    Follows razorpay.com/docs/payments/refunds/auto-refunds and
    razorpay.com/docs/payments/payments/late-authorisation/handle.
    """
    order = books.get("order", payment["order_id"])
    if order["status"] == "paid":
        return refunds.give_back(books, payment)
    return _capture(books, payment, order) if books.secrets(order["id"])["capture"] else payment


def _capture(books: Books, payment: JsonObject, order: JsonObject) -> JsonObject:
    payment = books.save(captured(payment))
    order["amount_paid"] += payment["amount"]
    order["amount_due"] -= payment["amount"]
    paid = order["amount_due"] <= 0
    order["status"] = "paid" if paid else order["status"]
    books.save(order)
    books.tell("payment.captured", payment=payment)
    if paid:
        books.tell("order.paid", payment=payment, order=order)
    return payment
