"""Razorpay's signatures, checked on bytes (razorpay.com/docs/webhooks/validate-test)."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

from payments.errors import SignatureInvalid

_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")


def check_webhook(body: bytes, signature: str | None, secrets: Sequence[str]) -> None:
    """Raise SignatureInvalid unless the signature is ours over this body, by any of the secrets."""
    matches = [_is_ours(body, signature, secret) for secret in secrets]
    if not any(matches):
        raise SignatureInvalid


def handed_back_order(fields: Mapping[str, str], secret: str) -> str:
    """Return the order that Checkout handed a browser back for; raises SignatureInvalid unless Razorpay signed it."""
    order, payment = fields.get("razorpay_order_id"), fields.get("razorpay_payment_id")
    # Nothing but an id stands on either side of the bar, so that no other pair reads the same.
    if not _is_id(order) or not _is_id(payment):
        raise SignatureInvalid
    if not _is_ours(f"{order}|{payment}".encode(), fields.get("razorpay_signature"), secret):
        raise SignatureInvalid
    return str(order)


def _is_id(value: str | None) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_ours(signed: bytes, signature: str | None, secret: str) -> bool:
    if not secret or not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):
        return False
    return hmac.compare_digest(hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(), signature)
