"""The environment of a local system: what the user has set, and development's own answers for the rest."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.settings import DEFAULT_RETRY_DELAYS
from souk.home import Home

ADMIN_EMAIL = "admin@souk.test"
# What everybody may know of the shop's accounts at the sandbox.
SANDBOX_KEYS = {
    "stripe": "sk_test_souk_sandbox",
    "razorpay": "rzp_test_souk_sandbox",
    "imagekit": "public_souk_sandbox",
}
IMAGEKIT_ACCOUNT = "cdn/souk"  # where the sandbox shows files
WEBHOOKS = {
    "stripe": "STRIPE_WEBHOOK_SECRET",
    "razorpay": "RAZORPAY_WEBHOOK_SECRET",
    "imagekit": "IMAGEKIT_WEBHOOK_SECRET",
}
KEYS = {"stripe": "STRIPE_SECRET_KEY", "razorpay": "RAZORPAY_KEY_ID", "imagekit": "IMAGEKIT_PRIVATE_KEY"}
_LATEST_REDELIVERY = 10.0
_TAKES_WEBHOOKS = {"imagekit": "assets"}

# What belongs to a system of the user's; one that is started for a while has machines, addresses and keys of its own.
_OF_A_SYSTEM = (
    *("SOUK_ENV", "PORT", "INTERNAL_PORT", "PUBLIC_URL", "JWKS_URL", "WIRE", "AMQP_URL", "DATABASE_URL_", "SEAL_"),
    *("STRIPE_", "RAZORPAY_", "PAYMENT_METHODS", "SMTP_", "IMAGEKIT_", "ASSET_", "S3_"),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a local system are."""

    port: int
    database_url: Callable[[str], str]
    sandbox_port: int
    smtp_port: int
    amqp_url: str = ""

    @property
    def public(self) -> str:
        """Where clients reach the system."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox(self) -> str:
        """Where the sandbox is."""
        return f"http://127.0.0.1:{self.sandbox_port}/sandbox"


def of_no_system(given: Mapping[str, str]) -> dict[str, str]:
    """Return what of the user's environment concerns any system, also one of another home that pays in the sandbox."""
    return {name: value for name, value in given.items() if not name.startswith(_OF_A_SYSTEM)}


def is_own(provider: str, given: Mapping[str, str]) -> bool:
    """Say whether the user has an account there: what stands in for one is not mixed with it."""
    return bool(given.get(KEYS[provider], "").strip())


def uses_sandbox(given: Mapping[str, str]) -> bool:
    """Say whether Stripe is the sandbox: no key of its own and no other implementation named."""
    return not given.get("STRIPE_SECRET_KEY") and not given.get("STRIPE_API_BASE")


def ways_to_pay(given: Mapping[str, str]) -> str:
    """Return the ways to pay on offer: all of them here, but in production only by providers with keys of their own."""
    keys = {"stripe:intent": "STRIPE_SECRET_KEY", "stripe:checkout": "STRIPE_SECRET_KEY"}
    keys["razorpay:checkout"] = "RAZORPAY_KEY_ID"
    production = given.get("SOUK_ENV") == "production"
    return ",".join(way for way, key in keys.items() if given.get(key) or not production)


def uses_razorpay_sandbox(given: Mapping[str, str]) -> bool:
    """Say whether Razorpay is the sandbox, by the same rule."""
    return not given.get("RAZORPAY_KEY_ID") and not given.get("RAZORPAY_API_BASE")


def uses_imagekit_sandbox(given: Mapping[str, str]) -> bool:
    """Say whether ImageKit is the sandbox, by the same rule."""
    return not given.get("IMAGEKIT_PRIVATE_KEY") and not given.get("IMAGEKIT_API_BASE")


def redeliveries(given: Mapping[str, str]) -> tuple[float, ...]:
    """Return the seconds after which the sandbox delivers a webhook again, shorter at a faster pace.

    Who hurries does not wait for hours divided by his pace either.
    """
    try:
        pace = max(1.0, float(given.get("SOUK_PACE") or 1))
    except ValueError:  # the services' settings say so
        pace = 1.0
    longest = _LATEST_REDELIVERY if pace > 1 else max(DEFAULT_RETRY_DELAYS)
    return tuple(min(delay / pace, longest) for delay in DEFAULT_RETRY_DELAYS)


def admin_of(home: Home, given: Mapping[str, str]) -> tuple[str, str]:
    """Return the admin's e-mail address and password."""
    return given.get("ADMIN_EMAIL") or ADMIN_EMAIL, given.get("ADMIN_PASSWORD") or home.secrets()["ADMIN_PASSWORD"]


def webhook_targets(port: int) -> dict[str, str]:
    """Return where the sandbox delivers each provider's webhooks, in a system at this port."""
    return {name: f"http://127.0.0.1:{port}/api/v1{webhook_path(name)}" for name in WEBHOOKS}


def webhook_path(provider: str) -> str:
    """Return where a provider's webhooks are taken, below the API's root."""
    return f"/{_TAKES_WEBHOOKS.get(provider, 'payments')}/webhooks/{provider}"


def webhook_secrets(given: Mapping[str, str], home: Home) -> dict[str, str]:
    """Return the secret each provider's webhooks are signed with."""
    kept = home.secrets()
    return {provider: given.get(name) or str(kept[name]) for provider, name in WEBHOOKS.items()}


def sandbox_keys(given: Mapping[str, str], home: Home) -> dict[str, str]:
    """Return the key pairs, as `id:secret`, the sandbox is to know; real ones are none of its business."""
    kept, known = home.secrets(), {}
    if uses_razorpay_sandbox(given):
        secret = given.get("RAZORPAY_KEY_SECRET") or kept["RAZORPAY_KEY_SECRET"]
        known["razorpay"] = f"{SANDBOX_KEYS['razorpay']}:{secret}"
    if uses_imagekit_sandbox(given):
        public = given.get("IMAGEKIT_PUBLIC_KEY") or SANDBOX_KEYS["imagekit"]
        known["imagekit"] = f"{public}:{kept['IMAGEKIT_PRIVATE_KEY']}"
    return known


def environment(service: str, given: Mapping[str, str], home: Home, where: Addresses) -> dict[str, str]:
    """Return everything a service reads; whatever the user has set wins."""
    kept, signing = home.secrets(), webhook_secrets(given, home)
    own = {
        "PORT": str(where.port),
        "PUBLIC_URL": where.public,
        "JWKS_URL": f"{where.public}/api/v1/auth/jwks",
        "WIRE": "rabbitmq" if where.amqp_url else "inprocess",
        "AMQP_URL": where.amqp_url,
        f"DATABASE_URL_{service.upper()}": where.database_url(f"souk_{service}"),
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "PAYMENT_METHODS": ways_to_pay(given),
        "ADMIN_PASSWORD": kept["ADMIN_PASSWORD"],
        **{name: signing[provider] for provider, name in WEBHOOKS.items() if not is_own(provider, given)},
        "SEAL_PRIVATE_KEY": json.dumps(kept["SEAL_PRIVATE_KEYS"][service]),
        "SEAL_PUBLIC_KEYS": json.dumps(kept["SEAL_PUBLIC_KEYS"]),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(where.smtp_port),
        "SMTP_STARTTLS": "never",
        "MAIL_FROM": "Souk <shop@souk.test>",
        "LOG_LEVEL": "WARNING",
        "ASSET_DIR": str(home.assets),
    }
    if uses_sandbox(given):
        own |= {"STRIPE_SECRET_KEY": SANDBOX_KEYS["stripe"], "STRIPE_API_BASE": f"{where.sandbox}/stripe"}
    elif not given.get("STRIPE_SECRET_KEY"):
        own["STRIPE_SECRET_KEY"] = SANDBOX_KEYS["stripe"]
    if not given.get("RAZORPAY_KEY_ID"):
        own |= {"RAZORPAY_KEY_ID": SANDBOX_KEYS["razorpay"], "RAZORPAY_KEY_SECRET": kept["RAZORPAY_KEY_SECRET"]}
    if uses_razorpay_sandbox(given):
        own["RAZORPAY_API_BASE"] = f"{where.sandbox}/razorpay"
    own |= _imagekit(given, kept, where)
    if given.get("SMTP_HOST"):
        own = {name: value for name, value in own.items() if not name.startswith("SMTP_")}
    return own | {name: value for name, value in given.items() if value.strip()}


def _imagekit(given: Mapping[str, str], kept: Mapping[str, Any], where: Addresses) -> dict[str, str]:
    """Return the account of the sandbox, unless the user has one."""
    if given.get("IMAGEKIT_PRIVATE_KEY") or given.get("SOUK_ENV") == "production":
        return {}
    base = given.get("IMAGEKIT_API_BASE") or f"{where.sandbox}/imagekit"
    return {
        "IMAGEKIT_PRIVATE_KEY": kept["IMAGEKIT_PRIVATE_KEY"],
        "IMAGEKIT_PUBLIC_KEY": SANDBOX_KEYS["imagekit"],
        "IMAGEKIT_API_BASE": base,
        "IMAGEKIT_URL_ENDPOINT": f"{base.rstrip('/')}/{IMAGEKIT_ACCOUNT}",
    }
