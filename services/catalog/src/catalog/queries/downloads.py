"""What buyers may download."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain import GrantStatus
from catalog.errors import DownloadNotFound
from catalog.models import Grant, Product
from catalog.queries.assets import FILES
from common.db import fetch

# What was sold before its files were there has those that its product has now.
_FILES: Final = FILES.format(ids="CASE WHEN g.files = '{}' THEN p.files ELSE g.files END")
_LIST: Final = f"""
SELECT g.id, g.order_id, g.line_id, g.product_id, g.name, g.created_at, g.status, g.downloads_used, g.downloads_left,
    g.expires_at, g.licence, f.files
FROM grants g JOIN products p ON p.id = g.product_id LEFT JOIN LATERAL ({_FILES}) f ON true
WHERE g.user_id = $1 AND ($2::uuid IS NULL OR g.order_id = $2) AND ($3::uuid IS NULL OR g.id < $3)
ORDER BY g.id DESC LIMIT $4
"""  # noqa: S608 - our own text
_TERMS: Final = """
SELECT id, files, download_limit, download_days, licence FROM products WHERE id = ANY ($1::uuid[])
"""


async def list_live_grants(session: AsyncSession, order_id: UUID) -> Sequence[Grant]:
    """Return an order's grants that have not been taken back."""
    query = select(Grant).where(Grant.order_id == order_id, Grant.status == GrantStatus.GRANTED).order_by(Grant.id)
    return (await session.scalars(query)).all()


async def list_downloads(
    session: AsyncSession, user_id: UUID, order_id: UUID | None, after: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """Return up to `limit + 1` of a buyer's grants (of one order, or of all) with their files, newest first."""
    return await fetch(session, _LIST, user_id, order_id, after, limit + 1)


async def list_terms(session: AsyncSession, product_ids: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
    """Return under which terms products are downloaded that are sold now."""
    return {row["id"]: row for row in await fetch(session, _TERMS, product_ids)}


async def get_grant_to_use(session: AsyncSession, grant_id: UUID, user_id: UUID) -> tuple[Grant, Product]:
    """Return a buyer's grant, locked, and its product; raises DownloadNotFound."""
    query = select(Grant, Product).join(Product, Product.id == Grant.product_id)
    mine = query.where(Grant.id == grant_id, Grant.user_id == user_id).with_for_update(of=Grant)
    found = (await session.execute(mine)).one_or_none()
    if found is None:
        raise DownloadNotFound
    return found[0], found[1]
