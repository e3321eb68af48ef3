"""Razorpay's objects read as facts. Pure: no network, no SDK."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from common.money import from_razorpay
from payments.domain import Kind, ProviderFact
from payments.providers.reading import Json, moment, our_id, text, whole, word

NAME: Final = "razorpay"
# razorpay.com/docs/payments/payments#payment-life-cycle; a payment that was refunded had been captured.
_PAYMENT_KINDS: Final[dict[str, Kind | None]] = {
    "created": None,
    "pending": None,
    "failed": "declined",
    "authorized": "authorized",
    "captured": "captured",
    "refunded": "captured",
}
_REFUND_KINDS: Final[dict[str, Kind]] = {
    "created": "refund_pending",
    "pending": "refund_pending",
    "processed": "refund_succeeded",
    "failed": "refund_failed",
    "reversed": "refund_failed",
}
_ORDER_OF_TELLING: Final = ("declined", "authorized", "captured")


def order_facts(order: Json, payments: Sequence[Json], *, livemode: bool) -> tuple[ProviderFact, ...]:
    """Return what an order, just fetched, and its payments say: declined tries, then money; else that it is open."""
    now = datetime.now(UTC).replace(microsecond=0)
    opened = ProviderFact(
        provider=NAME,
        kind="opened",
        object_ref=text(order["id"]),
        subject=our_id(order.get("notes"), "payment_id"),
        money=from_razorpay(whole(order["amount"]), text(order["currency"])),
        livemode=livemode,
        at=now,
    )
    said = [payment for payment in payments if payment["status"] in _PAYMENT_KINDS]
    read = (
        payment_fact({**payment, "order_id": payment.get("order_id") or order["id"]}, livemode=livemode)
        for payment in said
    )
    tries = [
        replace(fact, subject=opened.subject, at=now if fact.kind == "authorized" else fact.at)
        for fact in read
        if fact is not None
    ]
    if len(said) < len(payments) and not any(fact.kind in {"authorized", "captured"} for fact in tries):
        # Nobody knows what has become of such a payment: other money is told all the same, but not that there is none.
        raise ValueError("a payment of a status that is not documented")
    return tuple(sorted(tries, key=lambda fact: (_ORDER_OF_TELLING.index(fact.kind), fact.at))) or (opened,)


def payment_fact(payment: Json, at: datetime | None = None, *, livemode: bool) -> ProviderFact | None:
    """Return what a payment says, None while it says nothing or where it is for no order.

    It has no subject: a payment's notes are the browser's. `at` is when it was so, without it when it was made; a
    declined try is always told of as of then, so that it never seems younger than the next one.
    """
    kind, order = _kind(payment), payment.get("order_id")
    if kind is None or not order:
        return None
    ref = text(payment["id"])
    return ProviderFact(
        provider=NAME,
        kind=kind,
        object_ref=text(order),
        subject=None,
        money=from_razorpay(whole(payment["amount"]), text(payment["currency"])),
        livemode=livemode,
        at=moment(payment["created_at"]) if at is None or (kind == "declined" and "created_at" in payment) else at,
        capture_ref=ref if kind == "captured" else "",
        try_ref=ref if kind == "declined" else "",
        reason=word(payment.get("error_reason"), payment.get("error_code"), "declined") if kind == "declined" else "",
    )


def refund_fact(refund: Json, at: datetime, *, livemode: bool) -> ProviderFact:
    """Return what a refund says."""
    return ProviderFact(
        provider=NAME,
        kind=_REFUND_KINDS[refund["status"]],
        object_ref=text(refund["id"]),
        subject=our_id(refund.get("notes"), "refund_id"),
        money=from_razorpay(whole(refund["amount"]), text(refund["currency"])),
        livemode=livemode,
        at=at,
        capture_ref=text(refund["payment_id"]),
    )


def belongs_to(order: Json, payment_id: UUID) -> bool:
    """Say whether an order was made for a payment of ours: by its notes, or by its receipt where those are gone."""
    named = our_id(order.get("notes"), "payment_id")
    return named == payment_id if named else order.get("receipt") == payment_id.hex


def _kind(payment: Json) -> Kind | None:
    # razorpay.com/docs/webhooks/refunds: what was authorized and never captured goes back by itself, as a refund.
    if payment["status"] == "refunded" and payment.get("captured") is False:
        return "declined"
    return _PAYMENT_KINDS[payment["status"]]
