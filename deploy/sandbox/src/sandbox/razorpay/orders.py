"""What can be done with an order (razorpay.com/docs/api/orders)."""

from typing import Final

from sandbox.provider import JsonObject
from sandbox.razorpay.access import KeyPair
from sandbox.razorpay.books import Books
from sandbox.razorpay.currencies import check_money
from sandbox.razorpay.errors import invalid
from sandbox.razorpay.objects import new_order
from sandbox.razorpay.params import require

_LONGEST_RECEIPT: Final = 40


def create(books: Books, params: JsonObject, key: KeyPair) -> JsonObject:
    """POST /v1/orders.

    With `unique_receipt` a repetition gets the order it repeats, and another order under the same receipt is refused
    (razorpay.com/docs/payments/payment-gateway/s2s-integration/test-s2s, best-practices/retries-and-idempotency and
    error-index).
    """
    require(params, "amount", "currency")
    check_money(params["amount"], params["currency"])
    receipt = params.get("receipt") or ""
    if len(receipt) > _LONGEST_RECEIPT:
        raise invalid("receipt", f"The receipt may not be greater than {_LONGEST_RECEIPT} characters.")
    if params.get("unique_receipt"):
        require(params, "receipt")
        known = books.select("receipt = ? AND kind = 'order' ORDER BY seq LIMIT 1", (receipt,))
        if known:
            return _repeated(known[0], params)
    capture = _captures(params)
    partial = bool(params.get("partial_payment"))
    return books.add(new_order(params), {"capture": capture, "partial": partial, "key_secret": key.secret})


def _repeated(order: JsonObject, params: JsonObject) -> JsonObject:
    if (order["amount"], order["currency"]) != (params["amount"], params["currency"]):
        raise invalid("receipt", "Order receipt should be unique.")
    return order


def _captures(params: JsonObject) -> bool:
    """Whether payments are captured by themselves: the account's default, unless the order says otherwise.

    `payment.capture` is the present way (razorpay.com/docs/payments/payments/capture-settings/api), `payment_capture`
    the older one.
    """
    how = (params.get("payment") or {}).get("capture")
    if how not in {None, "automatic", "manual"}:
        raise invalid("payment.capture", "The selected payment.capture is invalid.")
    return how == "automatic" if how else bool(params.get("payment_capture", True))
