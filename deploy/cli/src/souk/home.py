"""The folder that keeps what a local system remembers: its secrets, its database, its broker, its sandbox."""

import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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
    def assets(self) -> Path:
        """Where files that are sold are, if they are kept on our own disk."""
        return self.path / "assets"

    @property
    def logs(self) -> Path:
        """Where processes write their logs."""
        return self.path / "logs"

    def secrets(self) -> dict[str, Any]:
        """Return the secrets of this system by name, each made when it is first missed, and kept."""
        file = self.path / "secrets.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        missing = {name: make() for name, make in _WORDS.items() if name not in found}
        strangers = [service for service in SERVICES if service not in found.get("SEAL_PRIVATE_KEYS", ())]
        if missing or strangers:
            found |= missing
            for kind, pairs in _new_pairs(strangers).items():
                found[kind] = found.get(kind, {}) | pairs
            draft = file.with_suffix(".draft")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(found, indent=1))
            draft.rename(file)
        return found

    def erase(self) -> None:
        """Delete everything the system remembers but the tools installed beside it."""
        for name in ("postgres", "rabbitmq", "logs", "assets", "sandbox.db.imagekit"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for file in (*self.path.glob("sandbox.db*"), *self.path.glob("secrets.*")):
            file.unlink()


_WORDS: Final[dict[str, Callable[[], str]]] = {
    "ADMIN_PASSWORD": lambda: secrets.token_urlsafe(12),
    "STRIPE_WEBHOOK_SECRET": lambda: f"whsec_{secrets.token_hex(24)}",
    "RAZORPAY_KEY_SECRET": lambda: secrets.token_hex(12),
    "RAZORPAY_WEBHOOK_SECRET": lambda: secrets.token_hex(24),
    "IMAGEKIT_PRIVATE_KEY": lambda: f"private_{secrets.token_hex(16)}",
    "IMAGEKIT_WEBHOOK_SECRET": lambda: f"whsec_{secrets.token_hex(24)}",
}


def _new_pairs(services: Sequence[str]) -> dict[str, Any]:
    pairs = {service: new_key_pair(service) for service in services}
    return {
        "SEAL_PRIVATE_KEYS": {service: json.loads(private) for service, (private, _) in pairs.items()},
        "SEAL_PUBLIC_KEYS": {service: json.loads(public) for service, (_, public) in pairs.items()},
    }
