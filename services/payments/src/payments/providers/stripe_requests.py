"""What is asked of Stripe, as text: the very same text is the same request. Pure: no network, no SDK."""

from datetime import datetime, timedelta
from typing import Final

import orjson

from common.money import Money, from_stripe, to_stripe
from payments.providers import PaymentTerms, RefundTerms
from payments.providers.reading import Json

# docs.stripe.com/api/checkout/sessions/create: `expires_at` may be 30 minutes to 24 hours ahead.
_SHORTEST_SESSION: Final = timedelta(minutes=31)
_LONGEST_SESSION: Final = timedelta(hours=23, minutes=55)


def payment_request(terms: PaymentTerms, now: datetime) -> str:
    """Return the parameters of a PaymentIntent or a Checkout Session; raises NotChargeable."""
    made = _session(terms, now) if terms.flow == "checkout" else _intent(terms)
    return orjson.dumps(made).decode()


def makes_session(params: Json) -> bool:
    """Say whether these are a Checkout Session's parameters."""
    return "mode" in params


def refund_request(terms: RefundTerms) -> str:
    """Return the parameters of a Refund."""
    params: Json = {
        "payment_intent": terms.capture_ref,
        "metadata": {"refund_id": str(terms.refund_id), "order_id": str(terms.order_id)},
    }
    return orjson.dumps(params | ({"amount": _rescaled(terms.money)} if terms.money else {})).decode()


def _intent(terms: PaymentTerms) -> Json:
    params: Json = {
        "amount": to_stripe(terms.money),
        "currency": terms.money.currency.lower(),
        "automatic_payment_methods": {"enabled": True},
        "description": f"Order {terms.number}",
        "metadata": _metadata(terms),
    }
    return params | ({"receipt_email": terms.email} if terms.email else {})


def _session(terms: PaymentTerms, now: datetime) -> Json:
    until = min(max(terms.expires_at, now + _SHORTEST_SESSION), now + _LONGEST_SESSION)
    price = {
        "currency": terms.money.currency.lower(),
        "unit_amount": to_stripe(terms.money),
        "product_data": {"name": f"Order {terms.number}"},
    }
    params: Json = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": str(terms.order_id),
        "metadata": _metadata(terms),
        "payment_intent_data": {"description": f"Order {terms.number}", "metadata": _metadata(terms)},
        # docs.stripe.com/payments/checkout/custom-success-page: Stripe writes the session's id into this address only.
        "success_url": f"{terms.return_url}/success?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{terms.return_url}/cancel?payment_id={terms.payment_id}",
        "expires_at": int(until.timestamp()),
    }
    return params | ({"customer_email": terms.email} if terms.email else {})


def _metadata(terms: PaymentTerms) -> Json:
    return {
        "payment_id": str(terms.payment_id),
        "order_id": str(terms.order_id),
        "attempt": str(terms.attempt),
        "flow": terms.flow,
    }


def _rescaled(money: Money) -> int:
    # No minimum applies to refunds, so this is not `to_stripe`.
    return money.amount * 100 // from_stripe(100, money.currency).amount
