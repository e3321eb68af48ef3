"""Auth's tables: users, sessions (refresh families) with their tokens' fingerprints, signing keys, counted tries."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

import common.db
from auth.domain import ADMIN, SessionPolicy, Verdict
from common.db import WITHHELD, new_metadata, now
from common.events import new_id

EndedBecause = Literal["logout", "reuse", "disabled"]


class Base(common.db.Base):
    """The base of auth's tables."""

    __abstract__ = True
    metadata = new_metadata()


class User(Base, kw_only=True):
    """An account. `email` is the normalised address; one account has it."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_normal"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str] = mapped_column(repr=False, comment=WITHHELD)
    roles: Mapped[list[str]]
    email_verified: Mapped[bool] = mapped_column(default=False)
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)

    @property
    def disabled(self) -> bool:
        """Whether the account cannot be used."""
        return self.disabled_at is not None

    @property
    def is_admin(self) -> bool:
        """Whether this user may act as an admin now, whatever an older token says."""
        return ADMIN in self.roles and not self.disabled

    def rename(self, name: str) -> bool:
        """Take another name; say whether it changed."""
        return self._change(name=name)

    def hold(self, roles: Iterable[str]) -> bool:
        """Hold exactly these roles; say whether that changed."""
        return self._change(roles=sorted(set(roles)))

    def disable(self) -> bool:
        """Stop the account; say whether it was usable."""
        return not self.disabled and self._change(disabled_at=now())

    def enable(self) -> bool:
        """Make the account usable again; say whether it was not."""
        return self._change(disabled_at=None)

    def _change(self, **values: object) -> bool:
        changed = {name: value for name, value in values.items() if getattr(self, name) != value}
        for name, value in changed.items():
            setattr(self, name, value)
        if changed:
            self.version, self.updated_at = self.version + 1, now()
        return bool(changed)


class UserSession(Base, kw_only=True):
    """A session: the family of refresh tokens that began with one login.

    Each refresh opens the next generation. Only the newest generation may be used, and for a moment, once, the one
    before it (two tabs at once, or an answer that got lost). Anything else is a stolen token: the family ends.
    """

    __tablename__ = "user_sessions"
    __table_args__ = (
        Index("ix_user_sessions_live", "user_id", postgresql_where="ended_at IS NULL"),
        Index("ix_user_sessions_expires_at", "expires_at"),
        Index("ix_user_sessions_ended_at", "ended_at", postgresql_where="ended_at IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]
    generation: Mapped[int] = mapped_column(default=1)
    repeated: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    refreshed_at: Mapped[datetime] = mapped_column(default_factory=now)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_because: Mapped[str | None] = mapped_column(default=None)

    def judge(self, generation: int, moment: datetime, policy: SessionPolicy) -> Verdict:
        """Say what becomes of a refresh with a token of that generation."""
        if self.ended_at or moment >= min(self.expires_at, self.refreshed_at + policy.idle):
            return Verdict.OVER
        if generation == self.generation:
            return Verdict.ROTATE
        young = moment <= self.refreshed_at + policy.grace
        return Verdict.REPEAT if generation == self.generation - 1 and young and not self.repeated else Verdict.REUSE

    def rotate(self) -> None:
        """Open the next generation."""
        self.generation, self.repeated, self.refreshed_at = self.generation + 1, False, now()

    def repeat(self) -> None:
        """Allow the generation before the newest its one repetition."""
        self.repeated = True

    def end(self, because: EndedBecause) -> bool:
        """End the session for good; say whether it was alive."""
        if self.ended_at:
            return False
        self.ended_at, self.ended_because = now(), because
        return True


class RefreshToken(Base, kw_only=True):
    """What is known of a refresh token: its fingerprint, session and generation; kept as long as the session."""

    __tablename__ = "refresh_tokens"

    fingerprint: Mapped[bytes] = mapped_column(primary_key=True, repr=False, comment=WITHHELD)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("user_sessions.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int]


class SigningKey(Base, kw_only=True):
    """A key that signs access tokens from `signs_from` on, until the next one does.

    `jwk` is the private JSON Web Key in the clear: auth's own role alone may read it. Who has that role, or a backup of
    the database, can sign tokens and so make himself an admin: give backups the care that passwords are given.
    """

    __tablename__ = "signing_keys"
    __table_args__ = ({"comment": WITHHELD},)

    kid: Mapped[str] = mapped_column(primary_key=True)
    jwk: Mapped[dict[str, Any]] = mapped_column(repr=False)
    signs_from: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)


class Tries(Base, kw_only=True):
    """How many tries of a kind count, and when the next may be made; `key` is a hash of whose or from where."""

    __tablename__ = "tries"
    __table_args__ = (Index("ix_tries_seen_at", "seen_at"),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(primary_key=True, repr=False)
    level: Mapped[float] = mapped_column(Double)
    free_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class KnownAddress(Base, kw_only=True):
    """Where somebody has logged in, both as hashes: what others do elsewhere does not keep him out there."""

    __tablename__ = "known_addresses"
    __table_args__ = (Index("ix_known_addresses_logged_in_at", "logged_in_at"),)

    account: Mapped[bytes] = mapped_column(primary_key=True, repr=False)
    address: Mapped[bytes] = mapped_column(primary_key=True, repr=False)
    logged_in_at: Mapped[datetime]
