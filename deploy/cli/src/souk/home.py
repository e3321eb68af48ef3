"""The folder that keeps what a local system remembers: its secrets, its database, its broker, its sandbox."""

import json
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.sealed import new_key_pair

ROOT = Path(__file__).parents[4]
SERVICES = ("auth", "catalog", "orders", "payments", "notifier")


@dataclass(frozen=True, slots=True)
class Home:
    """A folder only its owner may enter."""

    path: Path

    def open(self) -> "Home":
        """Make the folder if it is not there."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    @property
    def postgres(self) -> Path:
        """Where PostgreSQL keeps its data."""
        return self.path / "postgres"

    @property
    def rabbitmq(self) -> Path:
        """Where RabbitMQ keeps its data."""
        return self.path / "rabbitmq"

    @property
    def sandbox(self) -> Path:
        """The sandbox's memory."""
        return self.path / "sandbox.db"

    @property
    def logs(self) -> Path:
        """Where processes write their logs."""
        return self.path / "logs"

    def secrets(self) -> dict[str, Any]:
        """Return the secrets of this system, made at the first call and kept: passwords and keys, by name."""
        file = self.path / "secrets.json"
        if not file.exists():
            made = json.dumps(_new_secrets(SERVICES), indent=1)
            draft = file.with_suffix(".draft")
            draft.touch(mode=0o600)
            draft.write_text(made)
            draft.rename(file)
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def erase(self) -> None:
        """Delete everything the system remembers but the tools installed beside it."""
        for name in ("postgres", "rabbitmq", "logs"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for file in (*self.path.glob("sandbox.db*"), *self.path.glob("secrets.*")):
            file.unlink()


def _new_secrets(services: Sequence[str]) -> dict[str, Any]:
    pairs = {service: new_key_pair(service) for service in services}
    return {
        "ADMIN_PASSWORD": secrets.token_urlsafe(12),
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
        "SEAL_PRIVATE_KEYS": {service: json.loads(private) for service, (private, _) in pairs.items()},
        "SEAL_PUBLIC_KEYS": {service: json.loads(public) for service, (_, public) in pairs.items()},
    }
