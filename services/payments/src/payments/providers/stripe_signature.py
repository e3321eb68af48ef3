"""Stripe's webhook signature, checked on bytes (docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from payments.errors import SignatureInvalid

TOLERANCE: Final = 300  # seconds, both ways: the SDK would let any future pass
_LONGEST_HEADER, _MOST_SIGNATURES = 2048, 20
_TIME = re.compile(rb"[0-9]{1,12}")
_SIGNATURE = re.compile(rb"[0-9a-f]{64}")


def check_signature(body: bytes, header: str | None, secrets: Sequence[str], now: datetime) -> None:
    """Raise SignatureInvalid unless one of the header's v1 signatures is ours over this body and its time is near."""
    moment, signatures = _read(header)
    if abs(now.timestamp() - int(moment)) > TOLERANCE:
        raise SignatureInvalid
    expected = [hmac.new(secret.encode(), moment + b"." + body, hashlib.sha256).hexdigest() for secret in secrets]
    matches = [hmac.compare_digest(ours.encode(), theirs) for ours in expected for theirs in signatures]
    if not any(matches):
        raise SignatureInvalid


def _read(header: str | None) -> tuple[bytes, list[bytes]]:
    if not header or len(header) > _LONGEST_HEADER or not header.isascii():
        raise SignatureInvalid
    items = [item.strip().partition(b"=") for item in header.encode().split(b",")]
    times = [value for name, _, value in items if name == b"t" and _TIME.fullmatch(value)]
    signatures = [value for name, _, value in items if name == b"v1" and _SIGNATURE.fullmatch(value)]
    if len(times) != 1 or not 1 <= len(signatures) <= _MOST_SIGNATURES:
        raise SignatureInvalid
    return times[0], signatures
