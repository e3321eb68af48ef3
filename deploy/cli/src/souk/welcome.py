"""What is said once a system is open: where it is, who takes the money, and who may sign in as its administrator."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from souk.deployment import FOLDER, environments
from souk.environment import KEYS, SANDBOX_KEYS
from souk.home import ROOT

_TAKERS: Final = ("stripe", "razorpay")
_LIVE: Final = ("sk_live_", "rk_live_", "rzp_live_")
_UNHEARD: Final = " (webhooks: no secret, so each is refused and payments are polled)"


def money(told: Mapping[str, str]) -> str:
    """Return who takes the money, given what payments is told."""
    return ", ".join(_takers(told)) or "nobody takes any: no provider has a key"


def of_containers(given: Mapping[str, str], folder: Path = FOLDER) -> str:
    """Return the lines for the containers, which `lay_out` has made everything for."""
    told: dict[str, str] = {}
    for _, environ in environments(given, folder):
        told |= {name: value for name, value in environ.items() if value}
    public, password = told["PUBLIC_URL"], folder / "secrets" / "auth-api" / "admin_password"
    shown = password.relative_to(ROOT) if password.is_relative_to(ROOT) else password
    mails = f"{public}/sandbox/mail" if told.get("SMTP_HOST") == "sandbox" else f"sent by {told.get('SMTP_HOST')}"
    lines = {
        "API": f"{public}/api/v1/products",
        "mailbox": mails,
        "money": money(told),
        "admin": f"{told['ADMIN_EMAIL']}, whose password is in {shown}",
    }
    return "\n".join(["Souk is open.", "", *(f"  {name:9}{words}" for name, words in lines.items())])


def _takers(told: Mapping[str, str]) -> Iterator[str]:
    for provider in _TAKERS:
        if key := told.get(KEYS[provider], ""):
            kind = _kind(provider, key, told.get(f"{provider.upper()}_API_BASE", ""))
            heard = told.get(f"{provider.upper()}_WEBHOOK_SECRET")
            yield f"{provider.capitalize()} {kind}{'' if heard else _UNHEARD}"


def _kind(provider: str, key: str, base: str) -> str:
    if key.startswith(_LIVE):
        return "LIVE"
    if key == SANDBOX_KEYS[provider] and base.endswith(f"/sandbox/{provider}"):
        return "sandbox"
    return f"at {base}" if base else "TEST keys"
