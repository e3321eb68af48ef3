"""What is true of accounts, sessions and signing keys without any machine."""

import hashlib
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, Literal, Self

from auth.weak_passwords import MOST_COMMON

Role = Literal["customer", "seller", "support", "admin"]
ADMIN: Final = "admin"
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128
LONGEST_ACCESS: Final = timedelta(minutes=10)
_LONGEST_OVERLAP: Final = timedelta(hours=1)
_SECRET_BYTES = 32


class Weakness(StrEnum):
    """Why a password is refused: a code for machines, a sentence for people."""

    LENGTH = "password_length", f"write {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
    BLANK = "password_blank", "spaces alone are no password"
    COMMON = "password_too_common", "this is one of the passwords that are tried first"
    EMAIL = "password_contains_email", "the password must not contain the e-mail address"

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        """Make a member that is its code and knows its sentence."""
        member = str.__new__(cls, code)
        member._value_, member.sentence = code, sentence
        return member


def normal_password(password: str) -> str:
    """Return the one form in which a password is measured and hashed (NFC), however the keyboard composed it."""
    return unicodedata.normalize("NFC", password)


def weakness(password: str, email: str) -> Weakness | None:
    """Say why a password in its normal form is not good enough for this address; None when it is.

    NIST SP 800-63B: length and a list of common passwords, no rules of composition.
    """
    folded, address = password.casefold(), email.casefold()
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return Weakness.LENGTH
    if not password.strip():
        return Weakness.BLANK
    if folded in MOST_COMMON or len(set(folded)) == 1:
        return Weakness.COMMON
    if address in folded or folded == address.partition("@")[0]:
        return Weakness.EMAIL
    return None


def new_secret() -> str:
    """Return a fresh refresh token: 256 random bits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def fingerprint(secret: str) -> bytes:
    """Return what is stored of a random secret (SHA-256: there is nothing to guess, so nothing to slow down)."""
    return hashlib.sha256(secret.encode()).digest()


def account_hash(email: str) -> str:
    """Return how a failed login names its address."""
    return hashlib.sha256(email.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long a session lives, unused and at all, and how long the last refresh may be repeated."""

    idle: timedelta
    lifetime: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What an admin wants of a user; None leaves it."""

    roles: Sequence[str] | None = None
    disabled: bool | None = None


class Verdict(StrEnum):
    """What becomes of a refresh."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REUSE = "reuse"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """How long a key signs, and how long before that it is published at least."""

    lifetime: timedelta
    ahead: timedelta

    @property
    def overlap(self) -> timedelta:
        """How long a key is still published once its successor signs: its tokens, and a clock that is behind."""
        return LONGEST_ACCESS + min(self.lifetime, _LONGEST_OVERLAP)

    def missing(self, starts: Sequence[datetime], moment: datetime) -> list[datetime]:
        """Return when the keys still to be made start, so that one signs now and the next is published."""
        newest = max(starts, default=None)
        if newest is None:
            return [moment, moment + self.lifetime]
        return [max(newest + self.lifetime, moment + self.ahead)] if newest <= moment else []

    def outlived(self, starts: Sequence[datetime], moment: datetime) -> list[datetime]:
        """Return the starts of the keys whose tokens have all expired: their successor has signed long enough."""
        ordered = sorted(starts)
        return [start for start, successor in pairwise(ordered) if successor + self.overlap < moment]
