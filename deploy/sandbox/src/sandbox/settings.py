"""What a sandbox is told before it starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

# Stripe spreads its live retries over three days (docs.stripe.com/webhooks#retries). The shape is kept; the scale is a
# working day.
DEFAULT_RETRY_DELAYS = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 7200.0, 18000.0)


def in_production() -> bool:
    """Say whether this is where real money is."""
    return os.environ.get("SOUK_ENV") == "production"


@dataclass(frozen=True)
class SandboxSettings:
    """Settings of one sandbox.

    `webhook_targets` and `webhook_secrets` are keyed by provider name. A secret may hold several values separated
    by commas: each signs every delivery, which is what a provider does while a secret is being rolled.
    `api_keys` are the shop's own, as `id:secret`: they are then checked, while any other test key may still call.
    `smtp_port` 0 picks a free port. Delays are seconds. `settle_after` is how long slow money takes: bank debits,
    pending refunds. `public_url` is how browsers reach the sandbox; a bare host means its `/sandbox`.
    """

    state_file: Path
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 0
    webhook_targets: Mapping[str, str] = field(default_factory=dict)
    webhook_secrets: Mapping[str, str] = field(default_factory=dict)
    api_keys: Mapping[str, str] = field(default_factory=dict)
    public_url: str = "http://127.0.0.1:8000/sandbox"
    webhook_retry_delays: tuple[float, ...] = DEFAULT_RETRY_DELAYS
    webhook_timeout: float = 10.0
    settle_after: float = 2.0

    def secrets_of(self, provider: str) -> tuple[str, ...]:
        """The signing secrets of a provider, newest first; empty if none is known."""
        listed = self.webhook_secrets.get(provider, "")
        return tuple(secret.strip() for secret in listed.split(",") if secret.strip())

    def address(self) -> str:
        """The public address of the mount point, without a slash at the end."""
        url = self.public_url.rstrip("/")
        return url if urlsplit(url).path else f"{url}/sandbox"
