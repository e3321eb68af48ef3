"""Giving money back (docs.stripe.com/api/refunds, docs.stripe.com/refunds)."""

from sandbox.provider import JsonObject
from sandbox.stripe import charging
from sandbox.stripe.books import Books
from sandbox.stripe.cards import Refunding
from sandbox.stripe.currencies import show
from sandbox.stripe.errors import Answer, ParamsError, StripeError
from sandbox.stripe.objects import new_refund
from sandbox.stripe.params import merged_metadata


def check_create(params: JsonObject) -> None:
    """Validate what does not depend on the charge. Raises `ParamsError`."""
    if params.get("charge") is None and params.get("payment_intent") is None:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise ParamsError(message, code="parameter_missing", param="payment_intent")
    amount = params.get("amount")
    if amount is not None and amount < 1:
        message = "This value must be greater than or equal to 1."
        raise ParamsError(message, code="parameter_invalid_integer", param="amount")


def create(books: Books, params: JsonObject) -> Answer:
    """POST /v1/refunds; without an amount all that is left (docs.stripe.com/api/refunds/create)."""
    charge = _charge_of(books, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left <= 0:
        raise StripeError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount") or left
    if amount > left:
        asked, open_ = show(amount, charge["currency"]), show(left, charge["currency"])
        raise StripeError(
            f"Refund amount ({asked}) is greater than unrefunded amount on charge ({open_})", param="amount"
        )
    how = charging.behaviour(books, charge["payment_method"]).refunding
    status = "pending" if how is Refunding.PENDING else "succeeded"
    refund = books.add(new_refund(charge, {**params, "amount": amount}, status))
    _move(books, charge, amount)
    # Both, for every refund: docs.stripe.com/changelog/acacia/2024-10-28/refund-webhook-update.
    books.tell("refund.created", refund)
    books.tell("charge.refunded", charge)
    if how is not Refunding.AT_ONCE:
        books.note("settle_refund", refund["id"])
    return Answer(200, refund)


def update(books: Books, params: JsonObject, refund_id: str) -> Answer:
    """POST /v1/refunds/:id changes metadata only (docs.stripe.com/api/refunds/update)."""
    refund = books.get("refund", refund_id)
    if "metadata" in params:
        previous = {"metadata": refund["metadata"]}
        refund["metadata"] = merged_metadata(refund["metadata"], params["metadata"])
        _changed(books, books.save(refund), previous)
    return Answer(200, refund)


def settle(books: Books, refund: JsonObject) -> None:
    """A slow refund arrives, or one that seemed to succeed fails (docs.stripe.com/refunds#failed-refunds)."""
    charge = books.get("charge", refund["charge"])
    previous = {"status": refund["status"]}
    if charging.behaviour(books, charge["payment_method"]).refunding is Refunding.PENDING:
        refund["status"] = "succeeded"
        _changed(books, books.save(refund), previous)
        return
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    books.save(refund)
    _move(books, charge, -refund["amount"])
    books.tell("refund.failed", refund)
    _changed(books, refund, previous)


def _charge_of(books: Books, params: JsonObject) -> JsonObject:
    if params.get("charge") is not None:
        charge = books.get("charge", params["charge"], "charge")
        if not charge["paid"]:
            raise StripeError(f"Charge {charge['id']} has failed and cannot be refunded.", param="charge")
    else:
        intent = books.get("payment_intent", params["payment_intent"], "payment_intent")
        latest = intent["latest_charge"]
        charge = {} if latest is None else books.get("charge", latest)
    if not charge.get("captured"):
        named = params.get("payment_intent") or params["charge"]
        message = f"This PaymentIntent ({named}) does not have a successful charge to refund."
        raise StripeError(message, param="payment_intent" if "payment_intent" in params else "charge")
    return charge


def _move(books: Books, charge: JsonObject, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount_captured"]
    books.save(charge)


def _changed(books: Books, refund: JsonObject, previous: JsonObject) -> None:
    books.tell("refund.updated", refund, previous)
    books.tell("charge.refund.updated", refund, previous)
