"""Uploads: tokens for files to come, and files that go."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.telling import tell
from catalog.domain import Limits
from catalog.errors import AssetInUse, TooManyUploads, UploadTooLarge
from catalog.models import Asset
from catalog.queries import count_open_uploads, is_used, list_told_of
from common.db import now, wake_after_commit

CHECKING, TIDYING = "checking assets", "tidying assets"


async def issue_upload(session: AsyncSession, asset: Asset, limits: Limits, most: int) -> None:
    """Expect a file. Raises UploadTooLarge, and TooManyUploads for who has so many tokens open already."""
    if asset.size > limits.size:
        raise UploadTooLarge(most=limits.size)
    if await count_open_uploads(session, asset.owner_id, now()) >= most:
        raise TooManyUploads(most=most)
    session.add(asset)
    tell(session, asset.born())


async def delete_asset(session: AsyncSession, asset: Asset, patience: timedelta) -> None:
    """Forget a file and have it deleted. Raises AssetInUse."""
    if await is_used(session, asset.id):
        raise AssetInUse
    tell(session, asset.delete(patience))
    wake_after_commit(session, TIDYING)


async def look_again(session: AsyncSession, key: str | None, file_id: str | None) -> None:
    """Have the store asked about a file it told of."""
    for asset in await list_told_of(session, key, file_id):
        asset.look()
    wake_after_commit(session, TIDYING)
