"""How ImageKit signs: URLs with HMAC-SHA1, webhooks by standardwebhooks.com with the whole secret as the key."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

NEVER: Final = 9999999999  # what a URL without an expiry is signed with


def sha1(message: str, key: str) -> str:
    """The signature of URLs and of upload tokens of the first kind."""
    return hmac.new(key.encode(), message.encode(), hashlib.sha1).hexdigest()


def signed_path(path: str, key: str, expires: int = NEVER) -> str:
    """A path below the URL endpoint, query included, with what proves it (imagekit.io/docs signed URLs)."""
    sign = "&" if "?" in path else "?"
    until = "" if expires == NEVER else f"ik-t={expires}&"
    return f"{path}{sign}{until}ik-s={sha1(f'{path}{expires}', key)}"


def webhook_headers(event_id: str, body: bytes, secrets: Sequence[str], at: float) -> Mapping[str, str]:
    """The three headers; every secret signs, newest first, and without one nothing is signed."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(int(at))}
    if secrets:
        signed = f"{event_id}.{int(at)}.".encode() + body
        headers["webhook-signature"] = " ".join(f"v1,{_proof(signed, secret)}" for secret in secrets)
    return headers


def _proof(signed: bytes, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()
