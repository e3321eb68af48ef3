"""What docker-compose.yml reads: each container's secrets, made once, and the settings that `.env` gives them all."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from common.sealed import new_key_pair
from souk.environment import (
    ADMIN_EMAIL,
    IMAGEKIT_ACCOUNT,
    SANDBOX_KEYS,
    WEBHOOKS,
    is_own,
    redeliveries,
    uses_imagekit_sandbox,
    uses_razorpay_sandbox,
    uses_sandbox,
    ways_to_pay,
    webhook_path,
)
from souk.home import ROOT, SERVICES

Json = Mapping[str, str]
FOLDER: Final = ROOT / "deploy" / "compose"
# Where Docker's own networks are; only containers, and of them the gateway, reach a service. It names one address, the
# client's, so that a client in one of these networks has nowhere to write another.
_NETWORKS: Final = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
_SANDBOX: Final = "http://sandbox:9000/sandbox"
_LISTED: Final = re.compile(r"^([A-Z0-9_]+)=", re.MULTILINE)
# What docker-compose.yml itself tells each container, whatever a process on this machine is told.
_OF_CONTAINERS: Final = (
    *("HOST", "PORT", "INTERNAL_", "WIRE", "AMQP_", "DATABASE_URL_", "ADMIN_DATABASE_URL", "OPERATOR_DATABASE_URL"),
    *("JWKS_URL", "SOUK_ROLE", "SEAL_", "ASSET_DIR"),
)
_OF_PROVIDERS: Final = (
    *("stripe_secret_key", "stripe_webhook_secret", "razorpay_key_secret", "razorpay_webhook_secret"),
    *("imagekit_private_key", "imagekit_webhook_secret"),
)
_OF_USERS: Final = (*_OF_PROVIDERS, "admin_password", "asset_secret", "s3_secret_access_key", "smtp_password")
_READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "auth": ("admin_password",),
    "catalog": ("asset_secret", "imagekit_private_key", "imagekit_webhook_secret", "s3_secret_access_key"),
    "orders": ("seal_private_key",),
    "payments": ("stripe_secret_key", "stripe_webhook_secret", "razorpay_key_secret", "razorpay_webhook_secret"),
    "notifier": ("smtp_password",),
}
_STANDS_IN: Final = {"stripe": uses_sandbox, "razorpay": uses_razorpay_sandbox, "imagekit": uses_imagekit_sandbox}


def lay_out(given: Json, folder: Path = FOLDER) -> list[str]:
    """Write what is missing and what the user has set anew; return the names of the secrets that were made now.

    Secrets that are made stay as they are in secrets.json. In production nothing of the sandbox is written.
    """
    missing, kept = _kept(folder / "secrets.json")
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "secrets.json", json.dumps(kept, indent=1), 0o600)
    (folder / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
    # Containers read these as another user; nobody else enters the folder above.
    for container, files in _containers(given, kept):
        # Other secrets are other settings, so that Compose makes this container anew, and no other.
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        _write(folder / "secrets" / f"{container}.env", f"SECRETS_DIGEST={digest}\n", 0o600)
        inside = folder / "secrets" / container
        inside.mkdir(exist_ok=True)
        inside.chmod(0o755)
        for name, text in files.items():
            _write(inside / name, text, 0o644)
    lines = (f"{name}={_quoted(value)}\n" for name, value in sorted(_settings(given, kept).items()))
    _write(folder / "settings.env", "".join(lines), 0o600)
    return missing


def environments(given: Json, folder: Path = FOLDER) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each service, once per role, with what its containers would read; nothing is written.

    Secrets that are not there yet are made for this look only.
    """
    _, kept = _kept(folder / "secrets.json")
    told = _settings(given, kept)
    for container, files in _containers(given, kept):
        service, _, role = container.rpartition("-")
        if service in SERVICES:
            own = {name.upper(): text.strip() for name, text in files.items() if name != "database_url"}
            database = {f"DATABASE_URL_{service.upper()}": files["database_url"]}
            yield service, {**told, **own, **database, "SOUK_ROLE": role}


def admin_at(url: str, given: Json, folder: Path = FOLDER) -> dict[str, str]:
    """Return the environment with the admin of the containers, where it is they who are reached at this address."""
    password = folder / "secrets" / "auth-api" / "admin_password"
    if not password.exists() or _place(url) != _place(_public(given)):
        return dict(given)
    return {"ADMIN_PASSWORD": password.read_text(), **{name: value for name, value in given.items() if value}}


def _kept(file: Path) -> tuple[list[str], dict[str, str]]:
    """Return which secrets are new, and all of them."""
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = {name: make() for name, make in _makers() if name not in kept}
    return list(missing), kept | missing


def _write(file: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all, and never readable to more than it shall be."""
    draft = file.with_name(f"{file.name}.draft")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.chmod(mode)
    draft.rename(file)


def _makers() -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield how each secret is made that no provider gives: by chance."""
    yield "admin_database_url", partial(_database, "postgres", "postgres")
    yield "operator_database_url", partial(_database, "souk_operator", "souk_{service}")
    yield "amqp_url", partial(_broker, "souk")
    for service in SERVICES:
        yield f"database_url_{service}", partial(_database, f"souk_{service}", f"souk_{service}")
        yield f"amqp_url_{service}", partial(_broker, service)
    yield "seal_private_key", lambda: new_key_pair("orders")[0]
    yield "admin_password", lambda: secrets.token_urlsafe(15)
    yield "imagekit_private_key", lambda: f"private_{_word()}"
    for name in ("asset_secret", "razorpay_key_secret", "razorpay_webhook_secret"):
        yield name, _word
    for name in ("stripe_webhook_secret", "imagekit_webhook_secret"):
        yield name, lambda: f"whsec_{_word()}"


def _database(role: str, name: str) -> str:
    return f"postgresql://{role}:{_word()}@postgres:5432/{name}"


def _broker(user: str) -> str:
    return f"amqp://{user}:{_word()}@rabbitmq:5672/"


def _word() -> str:
    return secrets.token_hex(20)


def _containers(given: Json, kept: Json) -> Iterator[tuple[str, Json]]:
    """Yield each container's folder with its files; an empty file counts as none."""
    known = _secrets(given, kept)
    databases = {name: value for name, value in known.items() if name.startswith("database_url_")}
    users = {name: value for name, value in known.items() if name.startswith("amqp_url")}
    reading = {"operator_database_url": known["operator_database_url"]}
    broker = urlsplit(known["amqp_url"])
    yield "postgres", {"password": unquote(urlsplit(known["admin_database_url"]).password or "")}
    yield "rabbitmq", {"souk.conf": f"default_user = {broker.username}\ndefault_pass = {broker.password}\n"}
    yield "sandbox", {"arguments": "".join(f"{line}\n" for line in _of_sandbox(given, known))}
    yield "admin", {"admin_database_url": known["admin_database_url"], **reading, **databases, **users}
    yield "operator", reading
    yield "mend", databases
    for service in SERVICES:
        own = {"database_url": databases[f"database_url_{service}"], "seal_private_key": ""}
        own |= {name: known[name] for name in _READ_BY.get(service, ())}
        yield f"{service}-api", own
        yield f"{service}-worker", own | {"amqp_url": users[f"amqp_url_{service}"]}


def _secrets(given: Json, kept: Json) -> Json:
    """Return every secret by its name: the user's own, the sandbox's, or what was made."""
    files = dict(kept) | {"stripe_secret_key": SANDBOX_KEYS["stripe"], "s3_secret_access_key": "", "smtp_password": ""}
    if _in_production(given):
        files |= dict.fromkeys(_OF_PROVIDERS, "")
    # What was made for the sandbox is none of an account's that is the user's own.
    files |= dict.fromkeys((name for name in _OF_PROVIDERS if is_own(name.partition("_")[0], given)), "")
    return files | {name: given[name.upper()] for name in _OF_USERS if given.get(name.upper(), "").strip()}


def _of_sandbox(given: Json, known: Json) -> Iterator[str]:
    """Yield the sandbox's command line; real keys are none of its business."""
    yield f"--public-url={_public(given)}/sandbox"
    yield f"--retry-delays={','.join(map(str, redeliveries(given)))}"
    pairs = {"razorpay": "razorpay_key_secret", "imagekit": "imagekit_private_key"}
    for provider, stands_in in _STANDS_IN.items():
        if _in_production(given) or not stands_in(given):
            continue
        yield f"--webhook={provider}=http://gateway:8080/api/v1{webhook_path(provider)}"
        yield f"--secret={provider}={known[WEBHOOKS[provider].lower()]}"
        if provider in pairs:
            yield f"--key={provider}={SANDBOX_KEYS[provider]}:{known[pairs[provider]]}"


def _settings(given: Json, kept: Json) -> dict[str, str]:
    """Return what every service is told beside secrets and addresses."""
    listed = _LISTED.findall((ROOT / ".env.example").read_text())
    secret = {name.upper() for name in _secrets(given, kept)}
    wanted = {name for name in listed if name not in secret and not name.startswith(_OF_CONTAINERS)}
    sealing = {name: value for name, value in json.loads(kept["seal_private_key"]).items() if name != "d"}
    own = {
        "SOUK_ENV": "development",
        "PUBLIC_URL": _public(given),
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "PAYMENT_METHODS": ways_to_pay(given),
        "RATE_LIMIT_PER_MINUTE": "" if _in_production(given) else "600",
        "TRUSTED_PROXIES": _NETWORKS,
        "SEAL_PUBLIC_KEYS": json.dumps({"orders": sealing}),
        **({} if _in_production(given) else _stand_ins(given)),
    }
    return own | {name: given[name] for name in sorted(wanted) if given.get(name, "").strip()}


def _stand_ins(given: Json) -> Json:
    """Return where the sandbox is, for what the user has no account or server of."""
    shown, told = f"{_public(given)}/sandbox/imagekit", {"RAZORPAY_KEY_ID": SANDBOX_KEYS["razorpay"]}
    if uses_sandbox(given):
        told["STRIPE_API_BASE"] = f"{_SANDBOX}/stripe"
    if uses_razorpay_sandbox(given):
        told["RAZORPAY_API_BASE"] = f"{_SANDBOX}/razorpay"
    if uses_imagekit_sandbox(given):
        told |= {
            "IMAGEKIT_PUBLIC_KEY": SANDBOX_KEYS["imagekit"],
            "IMAGEKIT_API_BASE": f"{_SANDBOX}/imagekit",
            "IMAGEKIT_UPLOAD_BASE": shown,
            "IMAGEKIT_URL_ENDPOINT": f"{shown}/{IMAGEKIT_ACCOUNT}",
            "IMAGEKIT_FETCH_ENDPOINT": f"{_SANDBOX}/imagekit/{IMAGEKIT_ACCOUNT}",
        }
    if not given.get("SMTP_HOST"):
        told |= {"SMTP_HOST": "sandbox", "SMTP_PORT": "1025", "SMTP_STARTTLS": "never"}
        told["MAIL_FROM"] = "Souk <shop@souk.test>"
    return told


def _in_production(given: Json) -> bool:
    return given.get("SOUK_ENV") == "production"


def _public(given: Json) -> str:
    return (given.get("PUBLIC_URL") or "http://localhost:8080").rstrip("/")


def _place(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return "localhost" if host == "127.0.0.1" else host, parts.port


def _quoted(value: str) -> str:
    """Return a value as Compose's env files take it literally."""
    if "'" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'
