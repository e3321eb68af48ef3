"""The variables only payments reads."""

from datetime import timedelta
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from common.settings import Duration, HttpUrl, ServiceSettings
from payments.domain import Patience

_LIVE = ("sk_live_", "rk_live_")


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Durations = Annotated[tuple[Duration, ...], BeforeValidator(_listed), Field(min_length=1)]


class PaymentsSettings(ServiceSettings):
    """How to reach the providers, and how patient to be with them."""

    service: ClassVar[str] = "payments"

    stripe_key: Annotated[SecretStr | None, Field(alias="STRIPE_SECRET_KEY")] = None
    stripe_webhook_secret: Annotated[SecretStr | None, Field(alias="STRIPE_WEBHOOK_SECRET")] = None
    stripe_api_base: Annotated[HttpUrl | None, Field(alias="STRIPE_API_BASE")] = None
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

    @model_validator(mode="after")
    def _providers(self) -> Self:
        key = self.stripe_key.get_secret_value() if self.stripe_key else ""
        if key and not key.startswith(("sk_", "rk_")):
            raise ValueError("STRIPE_SECRET_KEY must be a secret key: it begins with sk_ or rk_.")
        if key.startswith(_LIVE) and self.stripe_api_base:
            raise ValueError(
                "STRIPE_API_BASE must not be set beside a live STRIPE_SECRET_KEY: real money goes to Stripe."
            )
        if self.environment == "production" and not key:
            raise ValueError("STRIPE_SECRET_KEY is missing: without any payment provider nothing can be sold.")
        if key and self.role != "api" and "orders" not in self.seal_public_keys:
            raise ValueError("SEAL_PUBLIC_KEYS names no key of orders: client secrets are sealed with it.")
        return self

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that sign webhooks: two while one is being replaced, none without the setting."""
        given = self.stripe_webhook_secret.get_secret_value() if self.stripe_webhook_secret else ""
        return tuple(secret for part in given.split(",") if (secret := part.strip()))

    @property
    def patience(self) -> Patience:
        """The waits, as long as the pace makes them. A lease outlives the calls made under it, whatever the pace."""
        return Patience(
            polls=tuple(self._paced(poll) for poll in self.polls),
            key_lifetime=self.key_lifetime,
            lease=4 * self.provider_timeout + timedelta(seconds=10),
            unmatched_for=self._paced(self.unmatched_for),
            backfill_every=self._paced(self.backfill_every),
            backfill_overlap=timedelta(minutes=30),
            first_retry=self._paced(timedelta(seconds=1)),
            longest_retry=self._paced(self.longest_retry),
            tick=self._paced(timedelta(seconds=2)),
        )

    def _paced(self, duration: timedelta) -> timedelta:
        return timedelta(seconds=self.paced(duration))
