"""Files that are sold: whose they are, what has become of them, and who uses them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain import AssetStatus
from catalog.errors import AssetNotFound
from catalog.models import Asset, Registration
from common.db import fetch

# The files of an array of ids, in its order, as the API shows them.
FILES: Final = """
SELECT json_agg(json_build_object(
    'id', a.id, 'name', a.name, 'content_type', a.content_type, 'size', a.size, 'width', a.width, 'height', a.height
) ORDER BY u.place) AS files
FROM unnest({ids}) WITH ORDINALITY u (id, place) JOIN assets a USING (id) WHERE {ids} <> '{{}}'
"""
_USED: Final = """
SELECT 1 WHERE EXISTS (SELECT FROM products WHERE files @> ARRAY[$1::uuid] AND files <> '{}')
    OR EXISTS (SELECT FROM grants WHERE files @> ARRAY[$1::uuid] AND files <> '{}')
    OR EXISTS (
        SELECT FROM assets a JOIN products p ON p.seller_id = a.owner_id AND p.images @> ARRAY[a.preview_url]
        WHERE a.id = $1)
"""
_OPEN: Final = "SELECT count(*) AS open FROM assets WHERE owner_id = $1 AND status = 'issued' AND expires_at > $2"
_ASKED: Final = "SELECT count(*) AS open FROM registrations WHERE owner_id = $1"
_QUEUE_UP: Final = "SELECT pg_advisory_xact_lock(hashtextextended('uploads ' || $1::text, 0))"


async def get_asset(session: AsyncSession, asset_id: UUID, owner_id: UUID | None, *, lock: bool = False) -> Asset:
    """Return an asset of this owner (None: of anybody); raises AssetNotFound."""
    asset = await session.get(Asset, asset_id, with_for_update=lock or None)
    if asset is None or asset.status == AssetStatus.DELETED or owner_id not in {None, asset.owner_id}:
        raise AssetNotFound
    return asset


async def find_asset(session: AsyncSession, asset_id: UUID) -> Asset | None:
    """Return an asset, or None."""
    return await session.get(Asset, asset_id)


async def find_named(
    session: AsyncSession, owner_id: UUID, asset_id: UUID | None, file_id: str | None, *, lock: bool = False
) -> Asset | None:
    """Return an owner's asset by our id or the store's, or None."""
    named = Asset.id == asset_id if asset_id else Asset.file_id == file_id
    query = select(Asset).where(named, Asset.owner_id == owner_id).order_by(Asset.id).limit(1)
    return (await session.scalars(query.with_for_update() if lock else query)).one_or_none()


async def find_at(session: AsyncSession, key: str) -> Asset | None:
    """Return the asset whose file goes to this place of a store, locked, or None."""
    return (await session.scalars(select(Asset).where(Asset.key == key).with_for_update())).one_or_none()


async def list_told_of(session: AsyncSession, key: str | None, file_id: str | None) -> Sequence[Asset]:
    """Return the assets a store tells of, by key or by the store's id, locked."""
    query = select(Asset).where(or_(Asset.key == key, Asset.file_id == file_id)).order_by(Asset.id).with_for_update()
    return (await session.scalars(query)).all()


async def is_asked(session: AsyncSession, owner_id: UUID, file_id: str) -> bool:
    """Say whether the store has still to be asked whose file this is."""
    query = select(Registration.id).where(Registration.owner_id == owner_id, Registration.file_id == file_id)
    return (await session.scalars(query)).one_or_none() is not None


async def count_asked(session: AsyncSession, owner_id: UUID) -> int:
    """Return how many files the store has still to be asked about for a user."""
    rows = await fetch(session, _ASKED, owner_id)
    return int(rows[0]["open"])


async def count_open_uploads(session: AsyncSession, owner_id: UUID, moment: datetime) -> int:
    """Return how many tokens a user may still upload with; others who ask for him wait for this transaction's end."""
    await fetch(session, _QUEUE_UP, str(owner_id))
    rows = await fetch(session, _OPEN, owner_id, moment)
    return int(rows[0]["open"])


async def list_assets(
    session: AsyncSession, owner_id: UUID | None, status: AssetStatus | None, after: UUID | None, limit: int
) -> Sequence[Asset]:
    """Return up to `limit + 1` assets of an owner (None: of everybody), newest first; deleted ones are not shown."""
    query = select(Asset).where(Asset.status != AssetStatus.DELETED if status is None else Asset.status == status)
    if owner_id is not None:
        query = query.where(Asset.owner_id == owner_id)
    if after is not None:
        query = query.where(Asset.id < after)
    return (await session.scalars(query.order_by(Asset.id.desc()).limit(limit + 1))).all()


async def list_ready(session: AsyncSession, asset_ids: Collection[UUID]) -> dict[UUID, Asset]:
    """Return those of these assets that are ready; none of them can be deleted before this transaction ends."""
    query = select(Asset).where(Asset.id.in_(asset_ids), Asset.status == AssetStatus.READY).order_by(Asset.id)
    return {asset.id: asset for asset in await session.scalars(query.with_for_update(read=True, key_share=True))}


async def is_used(session: AsyncSession, asset_id: UUID) -> bool:
    """Say whether a product is sold with a file, or shows it, or somebody has bought it."""
    return bool(await fetch(session, _USED, asset_id))
