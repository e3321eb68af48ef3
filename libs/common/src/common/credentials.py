"""Secrets as they are given: by a variable or by a file it names, and never one that everybody knows."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

FILE: Final = "_FILE"
_KNOWN: Final = frozenset(
    "admin administrator default guest minioadmin pass postgres rabbitmq root secret souk test user".split()
)
_PLACEHOLDERS: Final = (
    *("change-me", "change_me", "changeme", "changeit", "example", "password", "placeholder"),
    *("sandbox", "souk-admin", "your-", "your_"),
)


def from_files(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the environment with each of these variables that is given as NAME_FILE read from that file.

    Raises ValueError with a sentence when a variable is given both ways, or its file cannot be read as text.
    """
    found = dict(environ)
    for name in names:
        path = found.pop(f"{name}{FILE}", "").strip()
        if not path:
            continue
        if found.get(name, "").strip():
            raise ValueError(f"{name} and {name}{FILE} are both set: give one of them.")
        try:
            found[name] = Path(path).read_text().strip()
        except OSError as error:
            raise ValueError(f"{name}{FILE} cannot be used: {path} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise ValueError(f"{name}{FILE} cannot be used: {path} is no text.") from error
    return found


def guessable(secret: str, owner: str = "") -> bool:
    """Say whether somebody who reads manuals finds it: a default, a placeholder, its owner's name, or nothing."""
    word = secret.strip().casefold()
    known = not word or word in _KNOWN or word == owner.casefold()
    return known or any(placeholder in word for placeholder in _PLACEHOLDERS)


def any_guessable(secrets: str) -> bool:
    """Say the same of a secret, or of several separated by commas while one replaces the other."""
    return any(map(guessable, [part for part in secrets.split(",") if part.strip()] or [""]))


def guessable_in(url: str) -> bool:
    """Say the same of the password in a server's address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return guessable(unquote(parts.password or ""), unquote(parts.username or ""))
