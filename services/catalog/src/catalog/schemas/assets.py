"""Uploads and the files that come of them as JSON."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from catalog.domain import AssetStatus, Named, Ticket, key_of
from catalog.models import Asset
from common.events import new_id
from common.http import Page
from common.http.fields import Id, Line, Strict, TimeOut, is_id

FileType = Literal[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/avif",
    "image/tiff",
    "application/pdf",
    "application/zip",
    "audio/mpeg",
    "video/mp4",
]


class NewUpload(Strict):
    """A file to come: its name as the seller calls it, its type, and its size in bytes."""

    name: Annotated[Line, Field(min_length=1, max_length=200)]
    content_type: FileType
    size: Annotated[int, Field(ge=1, le=10**12)]

    def asset(self, owner_id: UUID, store: str, chance: str, expires_at: datetime) -> Asset:
        """Return it as an owner's asset in a store, whose file may come until then."""
        asset_id = new_id()
        return Asset(
            id=asset_id,
            owner_id=owner_id,
            store=store,
            key=key_of(owner_id, asset_id, self.name, self.content_type, chance),
            name=self.name,
            content_type=self.content_type,
            size=self.size,
            expires_at=expires_at,
        )


class UploadForm(BaseModel):
    """What a browser sends: `fields` in a multipart form, then the file as `file`, the last of them."""

    method: str
    url: str
    fields: dict[str, str]


class UploadOut(BaseModel):
    """A token for one upload."""

    asset_id: UUID
    upload: UploadForm
    expires_at: TimeOut

    @classmethod
    def of(cls, asset: Asset, ticket: Ticket) -> Self:
        """Return it as JSON."""
        form = UploadForm(method=ticket.method, url=ticket.url, fields=dict(ticket.fields))
        return cls(asset_id=asset.id, upload=form, expires_at=ticket.expires_at)


class UploadedOut(BaseModel):
    """An upload that has arrived; `file_id` is what registers it."""

    file_id: UUID
    name: str
    size: int


class NewAsset(Strict):
    """An upload to register: by the token's `asset_id`, or by the `file_id` that the store answered."""

    file_id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    asset_id: Id | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.file_id is None) == (self.asset_id is None):
            raise PydanticCustomError("file", "write either a file_id or an asset_id")
        return self

    def named(self, owner_id: UUID) -> Named:
        """Return it as an owner's name for an upload; disk and bucket call files as we do."""
        if self.file_id is not None and is_id(self.file_id):
            return Named(owner_id, UUID(self.file_id), None)
        return Named(owner_id, self.asset_id, self.file_id)


class AssetOut(BaseModel):
    """A file that is sold, or is to be. Until it is `ready`, type and size are what was announced.

    `reason` says why it was refused: other_file, empty, too_large, type_not_allowed, other_type, other_size,
    too_many_pixels or unreadable; of a ready one, that its file is gone or changed since.
    """

    id: UUID
    owner_id: UUID
    store: str
    file_id: str | None
    status: AssetStatus
    reason: str | None
    name: str
    content_type: str
    size: int
    width: int | None
    height: int | None
    preview_url: str | None
    thumbnail_url: str | None
    expires_at: TimeOut
    created_at: TimeOut
    updated_at: TimeOut

    @classmethod
    def of(cls, asset: Asset) -> Self:
        """Return it as JSON."""
        given = {name: getattr(asset, name) for name in cls.model_fields}
        return cls.model_validate(given)


class AssetAskedFor(BaseModel):
    """A file the store has not told of yet: register it again to hear of it."""

    file_id: str
    status: Literal["checking"] = "checking"


class AssetsPage(Page):
    """The asset list's parameters."""

    status: AssetStatus | None = None


class FileOut(BaseModel):
    """A file that buyers get; pixels of images only."""

    id: UUID
    name: str
    content_type: str
    size: int
    width: int | None
    height: int | None
