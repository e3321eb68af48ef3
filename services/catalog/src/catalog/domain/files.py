"""Files: which are taken, how they are named in a store, and whether what was found there is what was announced."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final
from uuid import UUID

from catalog.domain.naming import slug_of

# What is sold as a file, and how its name ends. SVG and HTML are programs in disguise and never taken.
ENDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image/jpeg": "jpg",
        "image/png": "png",
        "image/webp": "webp",
        "image/gif": "gif",
        "image/avif": "avif",
        "image/tiff": "tif",
        "application/pdf": "pdf",
        "application/zip": "zip",
        "audio/mpeg": "mp3",
        "video/mp4": "mp4",
    }
)
_LONGEST_STEM: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A file as it was announced: `key` is its path in the store, without a slash before it."""

    asset_id: UUID
    key: str
    name: str
    content_type: str
    size: int
    file_id: str | None = None

    @property
    def is_image(self) -> bool:
        """Whether previews can be made of it."""
        return is_image(self.content_type)

    @property
    def folder(self) -> str:
        """The folder it is in."""
        return str(PurePosixPath(self.key).parent)

    @property
    def file_name(self) -> str:
        """Its name in the folder."""
        return PurePosixPath(self.key).name


@dataclass(frozen=True, slots=True)
class Named:
    """An upload as its owner names it: by our id, or by what the store answered the browser."""

    owner_id: UUID
    asset_id: UUID | None
    file_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file as the store has it: `content_type` by its content, None where that is nothing we know."""

    key: str
    content_type: str | None
    size: int
    file_id: str | None = None
    width: int | None = None
    height: int | None = None
    readable: bool = True

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return (self.width or 0) * (self.height or 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be, in bytes and in pixels."""

    size: int
    pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a browser sends to upload a file: the form's `fields`, then the file as `file`, to `url` by `method`."""

    method: str
    url: str
    fields: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where everybody may look at an image: watermarked, and small."""

    preview_url: str | None = None
    thumbnail_url: str | None = None


def news_of(owner_id: UUID) -> str:
    """Return what is woken when something becomes known of an owner's files."""
    return f"assets {owner_id}"


def is_image(content_type: str) -> bool:
    """Say whether previews can be made of a type."""
    return content_type.startswith("image/")


def key_of(owner_id: UUID, asset_id: UUID, name: str, content_type: str, chance: str) -> str:
    """Return where a file goes: in a folder of its own, under a name no one can guess and no store has to mend."""
    stem = slug_of(PurePosixPath(name).stem)[:_LONGEST_STEM].strip("-") or "file"
    return f"souk/{owner_id}/{asset_id}/{stem}-{chance}.{ENDINGS[content_type]}"


def objection(filed: Filed, found: Found, limits: Limits) -> str | None:
    """Return why a file that was found is not the one that was announced, or not one to sell; None if it is fine."""
    image = filed.is_image
    reasons = {
        "other_file": found.key != filed.key,
        "empty": found.size == 0,
        "too_large": found.size > limits.size,
        "type_not_allowed": found.content_type not in ENDINGS,
        "other_type": found.content_type != filed.content_type,
        "other_size": found.size != filed.size,
        "too_many_pixels": image and found.pixels > limits.pixels,
        "unreadable": image and not (found.readable and found.pixels),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
