"""The providers that have credentials: the others are off."""

from payments.providers import Provider, razorpay, stripe
from payments.settings import PaymentsSettings

# A further provider is a file of its own and a line here.
_PROVIDERS = (
    stripe.configured,
    razorpay.configured,
)


def configured(settings: PaymentsSettings) -> dict[str, Provider]:
    """Return the adapters of the providers that are on, by name."""
    made: list[Provider | None] = [make(settings) for make in _PROVIDERS]
    return {provider.name: provider for provider in made if provider is not None}
