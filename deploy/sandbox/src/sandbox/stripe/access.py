"""Who may call what (docs.stripe.com/api/authentication, docs.stripe.com/keys)."""

import base64
import binascii
import hmac
from typing import Final

from sandbox.provider import JsonObject
from sandbox.stripe.errors import AccessError, missing_resource
from sandbox.stripe.operations import Operation

_SECRET: Final = ("sk_test_", "rk_test_")
_PUBLISHABLE: Final = "pk_test_"
_SHOWN: Final = 12
# The fields the reference marks as retrievable with a publishable key (docs.stripe.com/api/payment_intents/object).
_PUBLIC_FIELDS: Final = frozenset(
    """id object amount automatic_payment_methods canceled_at cancellation_reason capture_method client_secret
    confirmation_method created currency description last_payment_error livemode next_action payment_method
    payment_method_types processing receipt_email setup_future_usage shipping status""".split()
)


def key_of(authorization: str) -> str:
    """The API key of an Authorization header, as Bearer token or as the user name of Basic. Raises `AccessError`."""
    scheme, _, value = authorization.partition(" ")
    key = value.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key or scheme.lower() not in {"basic", "bearer"}:
        raise AccessError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer"
            " auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://docs.stripe.com/api#authentication for"
            " details, or we can help at https://support.stripe.com/.",
            status=401,
        )
    return key


def check_key(key: str, operation: Operation) -> bool:
    """Whether the caller is the shop itself (True) or a browser (False). Raises `AccessError`."""
    if key.startswith(_SECRET) and len(key) > len(_SECRET[0]):
        return True
    if not key.startswith(_PUBLISHABLE):
        hidden = key[:_SHOWN] + "*" * max(0, min(24, len(key) - _SHOWN))
        raise AccessError(f"Invalid API Key provided: {hidden}", status=401)
    if not operation.public:
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise AccessError(message, code="secret_key_required", status=401)
    return False


def check_client_secret(intent_id: str, given: str | None, intent: JsonObject | None) -> None:
    """A browser must know the intent's client secret. Raises `StripeError`."""
    known = intent["client_secret"] if intent else ""
    if not given or not hmac.compare_digest(known.encode(), given.encode()):
        raise missing_resource("payment_intent", intent_id, "intent")


def for_browser(body: JsonObject) -> JsonObject:
    """What of an intent a browser may see."""
    if body.get("object") == "payment_intent":
        return {name: value for name, value in body.items() if name in _PUBLIC_FIELDS}
    error = body.get("error")
    if isinstance(error, dict) and isinstance(error.get("payment_intent"), dict):
        return {"error": {**error, "payment_intent": for_browser(error["payment_intent"])}}
    return body
