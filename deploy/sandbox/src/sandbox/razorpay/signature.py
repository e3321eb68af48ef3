"""How Razorpay signs: webhooks and the hand-back of its checkout.

Follows razorpay.com/docs/webhooks/validate-test and
razorpay.com/docs/payments/payment-gateway/web-integration/standard/build-integration.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence


def _signed(message: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def webhook_headers(event_id: str, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """The event's id, which is not signed, and the body's HMAC-SHA256 by the newest secret; unsigned without one."""
    headers = {"x-razorpay-event-id": event_id}
    if secrets:
        headers["x-razorpay-signature"] = _signed(body, secrets[0])
    return headers


def hand_back_signature(order_id: str, payment_id: str, key_secret: str) -> str:
    """What proves to the shop that a payment of its order was authorized."""
    return _signed(f"{order_id}|{payment_id}".encode(), key_secret)
