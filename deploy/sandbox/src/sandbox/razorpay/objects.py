"""The JSON of Razorpay's objects at their birth, as razorpay.com/docs/api shows the entities."""

import secrets
from typing import Final

from sandbox.provider import JsonObject
from sandbox.razorpay.books import fresh_id, now
from sandbox.razorpay.cards import Card
from sandbox.razorpay.errors import RazorpayError
from sandbox.store import new_id

_ERRORS: Final = ("error_code", "error_description", "error_source", "error_step", "error_reason")
_FEE_PERCENT, _GST_PERCENT = 2, 18


def new_order(params: JsonObject) -> JsonObject:
    """An order (razorpay.com/docs/api/orders/entity). Without notes Razorpay answers an empty list."""
    return {
        "id": fresh_id("order"),
        "entity": "order",
        "amount": params["amount"],
        "amount_paid": 0,
        "amount_due": params["amount"],
        "currency": params["currency"],
        "receipt": params.get("receipt"),
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": params.get("notes") or [],
        "created_at": now(),
    }


def new_payment(order: JsonObject, card: Card, amount: int, buyer: JsonObject) -> JsonObject:
    """A payment by card (razorpay.com/docs/api/payments/entity), not processed yet."""
    details = _card(card, str(buyer.get("name") or ""))
    return {
        "id": fresh_id("payment"),
        "entity": "payment",
        "amount": amount,
        "currency": order["currency"],
        "base_amount": amount,
        "status": "created",
        "order_id": order["id"],
        "invoice_id": None,
        "international": card.international,
        "method": "card",
        "amount_refunded": 0,
        "amount_transferred": 0,
        "refund_status": None,
        "captured": False,
        "description": buyer.get("description"),
        "card_id": details["id"],
        "card": details,
        "bank": None,
        "wallet": None,
        "vpa": None,
        "email": buyer.get("email") or "void@razorpay.com",
        "contact": buyer.get("contact") or "+919999999999",
        "notes": order["notes"],
        "fee": None,
        "tax": None,
        **dict.fromkeys(_ERRORS),
        "acquirer_data": {"auth_code": None},
        "created_at": now(),
    }


def _card(card: Card, name: str) -> JsonObject:
    return {
        "id": new_id("card_", 14),
        "entity": "card",
        "name": name,
        "last4": card.number[-4:],
        "iin": card.number[:6],
        "network": card.network,
        "type": "credit",
        "issuer": None,
        "international": card.international,
        "emi": False,
        "sub_type": "consumer",
        "token_iin": None,
    }


def authorized(payment: JsonObject) -> JsonObject:
    """The payment once the bank has agreed."""
    acquirer = {"auth_code": f"{secrets.randbelow(10**6):06}", "rrn": f"{secrets.randbelow(10**12):012}"}
    return payment | dict.fromkeys(_ERRORS) | {"status": "authorized", "acquirer_data": acquirer}


def captured(payment: JsonObject) -> JsonObject:
    """The payment once the shop has the money: only now there is a fee, which includes its tax."""
    fee = payment["amount"] * _FEE_PERCENT // 100
    tax = fee * _GST_PERCENT // 100
    return payment | {"status": "captured", "captured": True, "fee": fee + tax, "tax": tax}


def failed(payment: JsonObject, error: RazorpayError) -> JsonObject:
    """The payment once it has been refused."""
    why = error.why
    words = (why.code, error.description, why.source, why.step, why.reason)
    return payment | dict(zip(_ERRORS, words, strict=True)) | {"status": "failed"}


def new_refund(payment: JsonObject, params: JsonObject, status: str) -> JsonObject:
    """A refund (razorpay.com/docs/api/refunds/entity)."""
    speed = params.get("speed") or "normal"
    instant = speed == "optimum" and status == "processed"
    return {
        "id": fresh_id("refund"),
        "entity": "refund",
        "amount": params["amount"],
        "currency": payment["currency"],
        "payment_id": payment["id"],
        "notes": params.get("notes") or [],
        "receipt": params.get("receipt"),
        "acquirer_data": {"arn": _reference() if status == "processed" else None},
        "created_at": now(),
        "batch_id": None,
        "status": status,
        "speed_processed": "instant" if instant else "normal",
        "speed_requested": speed,
    }


def settled(refund: JsonObject, status: str) -> JsonObject:
    """The refund once the bank has said what became of it."""
    return refund | {"status": status, "acquirer_data": {"arn": _reference() if status == "processed" else None}}


def _reference() -> str:
    return str(10**13 + secrets.randbelow(10**13))
