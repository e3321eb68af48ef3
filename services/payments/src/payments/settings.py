"""The variables only payments reads."""

import re
from datetime import timedelta
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Annotated, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from common.credentials import guessable
from common.settings import Duration, HttpUrl, ServiceSettings
from payments.domain import Patience

_STRIPE_KEYS: Final = ("sk_", "rk_")
_LIVE: Final = ("sk_live_", "rk_live_", "rzp_live_")
_PAGE: Final = re.compile(r"(?ia)https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]{1,253})(?::([0-9]{1,5}))?((?:/[a-z0-9._~-]+)*)/?")
_LABEL: Final = re.compile(r"(?ia)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MOST_PORTS: Final = 65535


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _page(value: str) -> str:
    """Return an address to lead a browser to: an origin and a path that every reader reads alike."""
    match = _PAGE.fullmatch(value)
    if not match or not _is_host(match[1]) or int(match[2] or 0) > _MOST_PORTS:
        raise ValueError(
            "write an http or https address with a host and a plain path, such as https://shop.example/after"
        )
    if {".", ".."} & set(match[3].split("/")):
        raise ValueError("write the path without . and ..")
    return value.rstrip("/")


def _is_host(host: str) -> bool:
    labels = host.split(".")
    try:
        if host.startswith("["):
            return bool(IPv6Address(host[1:-1]))
        # Browsers read a name that ends in a number as an IPv4 address, however it is written.
        if labels[-1].isdigit() or labels[-1].lower().startswith("0x"):
            return bool(IPv4Address(host))
    except AddressValueError:
        return False
    return all(_LABEL.fullmatch(label) for label in labels)


def _is_safe(address: str) -> bool:
    """Say whether nobody on the way can change what an address leads to."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


PageUrl = Annotated[str, AfterValidator(_page)]
Durations = Annotated[tuple[Duration, ...], BeforeValidator(_listed), Field(min_length=1)]


class PaymentsSettings(ServiceSettings):
    """How to reach the providers, and how patient to be with them."""

    service: ClassVar[str] = "payments"

    public_url: Annotated[PageUrl | None, Field(alias="PUBLIC_URL")] = None
    storefront_url: Annotated[PageUrl | None, Field(alias="STOREFRONT_URL")] = None
    stripe_key: Annotated[SecretStr | None, Field(alias="STRIPE_SECRET_KEY")] = None
    stripe_webhook_secret: Annotated[SecretStr | None, Field(alias="STRIPE_WEBHOOK_SECRET")] = None
    stripe_api_base: Annotated[HttpUrl | None, Field(alias="STRIPE_API_BASE")] = None
    razorpay_key_id: Annotated[str | None, Field(alias="RAZORPAY_KEY_ID", pattern="^rzp_[A-Za-z0-9_]+$")] = None
    razorpay_key_secret: Annotated[SecretStr | None, Field(alias="RAZORPAY_KEY_SECRET")] = None
    razorpay_webhook_secret: Annotated[SecretStr | None, Field(alias="RAZORPAY_WEBHOOK_SECRET")] = None
    razorpay_api_base: Annotated[HttpUrl | None, Field(alias="RAZORPAY_API_BASE")] = None
    provider_timeout: Annotated[Duration, Field(alias="PROVIDER_TIMEOUT", gt=timedelta(0), le=timedelta(minutes=1))] = (
        timedelta(seconds=10)
    )
    polls: Annotated[Durations, Field(alias="PAYMENT_POLLS")] = (
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(days=1),
    )
    key_lifetime: Annotated[Duration, Field(alias="PROVIDER_KEY_LIFETIME", le=timedelta(hours=23))] = timedelta(
        hours=20
    )
    unmatched_for: Annotated[Duration, Field(alias="UNMATCHED_PATIENCE")] = timedelta(days=3)
    backfill_every: Annotated[Duration, Field(alias="BACKFILL_EVERY")] = timedelta(minutes=10)
    longest_retry: Annotated[Duration, Field(alias="PROVIDER_LONGEST_RETRY")] = timedelta(minutes=5)
    watch_after_end: Annotated[Duration, Field(alias="PAYMENT_WATCH_AFTER_END")] = timedelta(days=7)

    @model_validator(mode="after")
    def _stripe(self) -> Self:
        key = self.stripe_key.get_secret_value() if self.stripe_key else ""
        if key and not key.startswith(_STRIPE_KEYS):
            raise ValueError("STRIPE_SECRET_KEY must be a secret key: it begins with sk_ or rk_.")
        _sandboxed("STRIPE_API_BASE", self.stripe_api_base, "STRIPE_SECRET_KEY", key)
        if key and self.role != "api" and "orders" not in self.seal_public_keys:
            raise ValueError("SEAL_PUBLIC_KEYS names no key of orders: client secrets are sealed with it.")
        return self

    @model_validator(mode="after")
    def _razorpay(self) -> Self:
        if bool(self.razorpay_key_id) != bool(self.razorpay_key_secret):
            missing = "RAZORPAY_KEY_SECRET" if self.razorpay_key_id else "RAZORPAY_KEY_ID"
            raise ValueError(f"{missing} is missing: Razorpay needs both, the key's id and its secret.")
        _sandboxed("RAZORPAY_API_BASE", self.razorpay_api_base, "RAZORPAY_KEY_ID", self.razorpay_key_id or "")
        return self

    @model_validator(mode="after")
    def _in_production(self) -> Self:
        if self.environment != "production":
            self._refuse_live_keys()
            return self
        if not self.stripe_key and not self.razorpay_key_id:
            raise ValueError(
                "STRIPE_SECRET_KEY and RAZORPAY_KEY_ID are missing: without any payment provider nothing can be sold."
            )
        self._check_providers_in_production()
        for name, address in (("PUBLIC_URL", self.public_url), ("STOREFRONT_URL", self.storefront_url)):
            if address and not _is_safe(address):
                raise ValueError(f"{name} must be https: buyers are led there after they have paid.")
        return self

    def _refuse_live_keys(self) -> None:
        key = self.stripe_key.get_secret_value() if self.stripe_key else ""
        for name, value in (("STRIPE_SECRET_KEY", key), ("RAZORPAY_KEY_ID", self.razorpay_key_id or "")):
            if value.startswith(_LIVE):
                raise ValueError(
                    f"{name} is a live key, which only SOUK_ENV=production takes: elsewhere passwords are known to "
                    "everybody. Write a test key."
                )

    def _check_providers_in_production(self) -> None:
        if guessable(self.razorpay_key_id or "none"):
            raise ValueError("RAZORPAY_KEY_ID must not be the sandbox's in production: write your own.")
        for name, base in (("STRIPE_API_BASE", self.stripe_api_base), ("RAZORPAY_API_BASE", self.razorpay_api_base)):
            if base:
                raise ValueError(f"{name} must not be set in production: money goes to the provider itself.")
        if self.role == "worker":
            return
        for provider in self._unheard():
            raise ValueError(f"{provider.upper()}_WEBHOOK_SECRET is missing: without it every webhook is refused.")

    def _unheard(self) -> list[str]:
        """Return the providers that are on and whose webhooks no secret verifies."""
        secrets = {"Stripe": self.stripe_webhook_secrets, "Razorpay": self.razorpay_webhook_secrets}
        keys = {"Stripe": self.stripe_key, "Razorpay": self.razorpay_key_id}
        return [provider for provider, key in keys.items() if key and not secrets[provider]]

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is odd about webhooks, which workers do not hear."""
        if self.role == "worker":
            return ()
        found = [
            f"{provider.upper()}_WEBHOOK_SECRET is not set: webhooks of {provider} are refused, payments are polled."
            for provider in self._unheard()
        ]
        if not all(secret.startswith("whsec_") for secret in self.stripe_webhook_secrets):
            found.append(
                "STRIPE_WEBHOOK_SECRET does not begin with whsec_, as Stripe's do: its webhooks may be refused."
            )
        return tuple(found)

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that sign webhooks: two while one is being replaced, none without the setting."""
        return _several(self.stripe_webhook_secret)

    @property
    def razorpay_webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that sign webhooks, alike."""
        return _several(self.razorpay_webhook_secret)

    @property
    def return_url(self) -> str:
        """Where a provider leads the buyer back to; what became of it is appended."""
        return f"{self.public_base}/api/v1/payments/return"

    @property
    def patience(self) -> Patience:
        """The waits, as long as the pace makes them. A lease outlives the calls made under it, whatever the pace."""
        return Patience(
            polls=tuple(self._paced(poll) for poll in self.polls),
            key_lifetime=self.key_lifetime,
            lease=4 * self.provider_timeout + timedelta(seconds=10),
            unmatched_for=self._paced(self.unmatched_for),
            backfill_every=self._paced(self.backfill_every),
            backfill_overlap=self._paced(timedelta(minutes=30)),
            first_retry=self._paced(timedelta(seconds=1)),
            longest_retry=self._paced(self.longest_retry),
            tick=timedelta(seconds=self.tick(timedelta(seconds=2))),
            watch_after_end=self._paced(self.watch_after_end),
        )

    def _paced(self, duration: timedelta) -> timedelta:
        return timedelta(seconds=self.paced(duration))


def _sandboxed(base_name: str, base: str | None, key_name: str, key: str) -> None:
    if base and key.startswith(_LIVE):
        provider = base_name.partition("_")[0].capitalize()
        raise ValueError(f"{base_name} must not be set beside a live {key_name}: real money goes to {provider}.")


def _several(secret: SecretStr | None) -> tuple[str, ...]:
    given = secret.get_secret_value() if secret else ""
    return tuple(found for part in given.split(",") if (found := part.strip()))
