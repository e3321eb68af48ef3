"""Downloads as JSON."""

from collections.abc import Mapping
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from catalog.domain import GrantStatus
from catalog.models import Asset, Grant
from catalog.schemas.assets import FileOut
from common.http import Page
from common.http.fields import Id, Strict, TimeOut


class DownloadOut(BaseModel):
    """A right to download what was bought, as it was when it was sold.

    `downloads_left` null means any number, `expires_at` null ever.
    """

    id: UUID
    order_id: UUID
    line_id: UUID
    product_id: UUID
    name: str
    created_at: TimeOut
    revoked: bool
    files: list[FileOut]
    downloads_used: int
    downloads_left: int | None
    expires_at: TimeOut | None
    licence: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return a row of the downloads query as JSON."""
        given = dict(row) | {"revoked": row["status"] == GrantStatus.REVOKED, "files": row["files"] or []}
        return cls.model_validate(given)


class DownloadsPage(Page):
    """The downloads list's parameters."""

    order_id: Id | None = None


class DownloadWish(Strict):
    """Which file of a download; it may be left out where there is only one."""

    file_id: Id | None = None


class DownloadLink(BaseModel):
    """Where a file can be fetched until then, and how often after this."""

    url: str
    name: str
    content_type: str
    size: int
    expires_at: TimeOut
    downloads_left: int | None

    @classmethod
    def of(cls, grant: Grant, asset: Asset, given: Mapping[str, Any]) -> Self:
        """Return it as JSON; `given` is the address and when it ends."""
        return cls(
            name=asset.name,
            content_type=asset.content_type,
            size=asset.size,
            downloads_left=grant.downloads_left,
            **given,
        )
