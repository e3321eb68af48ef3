"""Giving money back (razorpay.com/docs/api/refunds)."""

from sandbox.provider import JsonObject
from sandbox.razorpay.books import Books
from sandbox.razorpay.cards import Refunding, numbered
from sandbox.razorpay.currencies import smallest
from sandbox.razorpay.errors import RazorpayError, invalid
from sandbox.razorpay.objects import new_refund, settled
from sandbox.razorpay.params import require


def create(books: Books, params: JsonObject, payment_id: str) -> JsonObject:
    """POST /v1/payments/:id/refund, by default all that is left (razorpay.com/docs/api/refunds/create-normal)."""
    if params.get("speed") not in {None, "normal", "optimum"}:
        raise invalid("speed", "The selected speed is invalid.")
    payment = books.get("payment", payment_id)
    if payment["status"] not in {"captured", "refunded"} or not payment["captured"]:
        raise RazorpayError("The payment status should be captured for action to be taken")
    left = payment["amount"] - payment["amount_refunded"]
    if left <= 0:
        raise RazorpayError("The payment has been fully refunded already")
    amount = params.get("amount", left)
    if amount < smallest(payment["currency"]) and amount != left:
        raise invalid("amount", f"The amount must be at least {payment['currency']} 1.00")
    if amount > left:
        raise invalid("amount", "The refund amount provided is greater than amount captured")
    at_once = _refunding(books, payment) is Refunding.AT_ONCE
    return _refund(books, payment, {**params, "amount": amount}, "processed" if at_once else "pending")


def create_from_body(books: Books, params: JsonObject) -> JsonObject:
    """POST /v1/refunds, which names the payment in its body."""
    require(params, "payment_id")
    rest = {name: value for name, value in params.items() if name != "payment_id"}
    return create(books, rest, params["payment_id"])


def give_back(books: Books, payment: JsonObject) -> JsonObject:
    """Refund an authorized payment that will never be captured (razorpay.com/docs/payments/refunds/auto-refunds)."""
    _refund(books, payment, {"amount": payment["amount"]}, "processed")
    return books.get("payment", payment["id"])


def settle(books: Books, refund: JsonObject) -> None:
    """The bank's answer to a pending refund; of a failed one the payment has its money again."""
    payment = books.get("payment", refund["payment_id"])
    fails = _refunding(books, payment) is Refunding.FAILING
    refund = books.save(settled(refund, "failed" if fails else "processed"))
    if fails:
        payment = _move(books, payment, -refund["amount"])
    books.tell(f"refund.{refund['status']}", refund=refund, payment=payment)


def _refunding(books: Books, payment: JsonObject) -> Refunding:
    return numbered(books.secrets(payment["id"])["card_number"]).refunding


def _refund(books: Books, payment: JsonObject, params: JsonObject, status: str) -> JsonObject:
    refund = books.add(new_refund(payment, params, status), {})
    payment = _move(books, payment, refund["amount"])
    books.tell("refund.created", refund=refund, payment=payment)
    if status == "processed":
        books.tell("refund.processed", refund=refund, payment=payment)
    else:
        books.note("settle_refund", refund["id"])
    return refund


def _move(books: Books, payment: JsonObject, amount: int) -> JsonObject:
    """A payment is refunded only once all of it is (razorpay.com/docs/payments/refunds/issue)."""
    payment["amount_refunded"] += amount
    back, whole = payment["amount_refunded"], payment["amount"]
    payment["refund_status"] = "full" if back >= whole else "partial" if back else None
    payment["status"] = "refunded" if back >= whole else "captured"
    return books.save(payment)
