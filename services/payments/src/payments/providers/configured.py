"""The providers that have credentials: the others are off."""

from payments.providers import Provider
from payments.providers.stripe import Stripe, StripeAccess
from payments.settings import PaymentsSettings


def configured(settings: PaymentsSettings) -> dict[str, Provider]:
    """Return the adapters of the providers that are on, by name."""
    providers: dict[str, Provider] = {}
    if settings.stripe_key:
        access = StripeAccess(
            key=settings.stripe_key.get_secret_value(),
            secrets=settings.stripe_webhook_secrets,
            api_base=settings.stripe_api_base,
            timeout=settings.provider_timeout.total_seconds(),
        )
        providers["stripe"] = Stripe(access)
    return providers
