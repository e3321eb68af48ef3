"""How Stripe signs a webhook (docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac
from collections.abc import Sequence


def signature_header(body: bytes, secrets: Sequence[str], at: float) -> str:
    """`t=…,v1=…`: an HMAC-SHA256 of time, a dot and the body; one `v1` per secret while one is being rolled."""
    moment = str(int(at))
    signed = moment.encode() + b"." + body
    signatures = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={moment}", *(f"v1={signature}" for signature in signatures)])
