"""Who may call: HTTP Basic with a test key's id and secret (razorpay.com/docs/api/authentication)."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Final

from sandbox.razorpay.errors import unauthorized

_TEST: Final = "rzp_test_"


@dataclass(frozen=True)
class KeyPair:
    """An API key: its public id, and the secret that also signs what the checkout hands back."""

    key_id: str
    secret: str


def configured(text: str) -> KeyPair | None:
    """The pair of a setting `id:secret`; None when it is not set."""
    key_id, _, secret = text.partition(":")
    return KeyPair(key_id, secret) if key_id and secret else None


def check_key(authorization: str, own: KeyPair | None) -> KeyPair:
    """The caller's key. Any test key may call; the configured one needs its own secret. Raises `RazorpayError`."""
    scheme, _, value = authorization.partition(" ")
    if not value:
        raise unauthorized("Please provide your api key for authentication purposes.")
    try:
        decoded = base64.b64decode(value, validate=True).decode() if scheme == "Basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    key_id, _, secret = decoded.partition(":")
    if not key_id.startswith(_TEST) or len(key_id) == len(_TEST):
        raise unauthorized("The api key provided is invalid")
    mine = own is None or key_id != own.key_id or hmac.compare_digest(secret.encode(), own.secret.encode())
    if not secret or not mine:
        raise unauthorized("Authentication failed")
    return KeyPair(key_id, secret)
