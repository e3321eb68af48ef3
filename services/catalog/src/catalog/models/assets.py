"""Assets: files that are sold, each one row from the token for its upload to its end."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.domain import ASSET_MOVES, AssetStatus, Filed, Found, Pictures, check_move
from catalog.models.tables import Base, Transition
from common.db import now
from common.events import new_id
from common.loops import Leased


class AssetTransition(Transition, Base):
    """A file was uploaded, registered, refused, left or deleted."""

    __tablename__ = "asset_transitions"
    __table_args__ = (UniqueConstraint("aggregate_id", "version"),)


class Asset(Leased, Base, kw_only=True):
    """A file. Until it is ready, name, type and size are what its seller announced.

    `key` is its path in the store, `file_id` what the store calls it, `expires_at` when the token for its upload ends,
    `reason` why it was refused or what is wrong with it since.
    """

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint(
            "status IN ('issued', 'checking', 'ready', 'refused', 'orphaned', 'swept', 'unused', 'deleted')",
            name="status",
        ),
        CheckConstraint("size > 0", name="size"),
        Index("ix_assets_owner_id", "owner_id", "id"),
        Index("ix_assets_file_id", "file_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    owner_id: Mapped[UUID]
    store: Mapped[str]
    key: Mapped[str]
    name: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int | None] = mapped_column(default=None)
    height: Mapped[int | None] = mapped_column(default=None)
    file_id: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(default=AssetStatus.ISSUED)
    version: Mapped[int] = mapped_column(default=1)
    reason: Mapped[str | None] = mapped_column(default=None)
    preview_url: Mapped[str | None] = mapped_column(default=None)
    thumbnail_url: Mapped[str | None] = mapped_column(default=None)
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)

    @property
    def filed(self) -> Filed:
        """The file as it was announced."""
        return Filed(
            asset_id=self.id,
            key=self.key,
            name=self.name,
            content_type=self.content_type,
            size=self.size,
            file_id=self.file_id,
        )

    def born(self) -> AssetTransition:
        """Return the record that a token was issued."""
        return AssetTransition(aggregate_id=self.id, version=self.version, from_status=None, to_status=self.status)

    def check(self) -> AssetTransition:
        """Have the store asked for it, whoever holds it."""
        self.reason, self.attempts = None, 0
        self.again(now())
        return self._move(AssetStatus.CHECKING)

    def accept(self, found: Found, pictures: Pictures) -> AssetTransition:
        """It is what was announced: it may be sold."""
        self.file_id = found.file_id or self.file_id
        self.width, self.height = found.width, found.height
        self.preview_url, self.thumbnail_url = pictures.preview_url, pictures.thumbnail_url
        self.done()
        return self._move(AssetStatus.READY)

    def refuse(self, reason: str) -> AssetTransition:
        """It is not what was announced, or nothing to sell: its file goes."""
        self.reason = reason
        self.again(now())
        return self._move(AssetStatus.REFUSED)

    def miss(self, patience: timedelta) -> AssetTransition:
        """It is not there, or not yet."""
        self.again(max(now(), self.expires_at + patience))
        return self._move(AssetStatus.ISSUED)

    def orphan(self, kept: timedelta) -> AssetTransition:
        """It is there, and nobody registered it in time: it goes unless somebody does."""
        self.again(now() + kept)
        return self._move(AssetStatus.ORPHANED)

    def close(self, status: AssetStatus) -> AssetTransition:
        """End it: nothing was uploaded, or its file is gone."""
        self.done()
        return self._move(status)

    def delete(self, patience: timedelta) -> AssetTransition:
        """Forget it; its file goes once no token can bring it back."""
        late = self.status in {AssetStatus.ISSUED, AssetStatus.CHECKING}
        self.again(max(now(), self.expires_at + patience) if late else now())
        return self._move(AssetStatus.DELETED)

    def look(self) -> None:
        """Have the store asked what has become of it."""
        if self.status in {AssetStatus.ISSUED, AssetStatus.READY} and self.lease is None:
            self.again(now())

    def _move(self, status: AssetStatus) -> AssetTransition:
        before = AssetStatus(self.status)
        check_move(ASSET_MOVES, before, status)
        self.status, self.updated_at = status, now()
        self.version += 1
        return AssetTransition(aggregate_id=self.id, version=self.version, from_status=before, to_status=status)


class Registration(Leased, Base, kw_only=True):
    """A browser says that it uploaded this file: a question to the store, which alone knows whose asset that is."""

    __tablename__ = "registrations"
    __table_args__ = (UniqueConstraint("owner_id", "file_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    owner_id: Mapped[UUID]
    file_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
