"""What buyers may download."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain import GrantStatus
from catalog.models import Grant


async def list_live_grants(session: AsyncSession, order_id: UUID) -> Sequence[Grant]:
    """Return an order's grants that have not been taken back."""
    query = select(Grant).where(Grant.order_id == order_id, Grant.status == GrantStatus.GRANTED).order_by(Grant.id)
    return (await session.scalars(query)).all()


async def list_downloads(session: AsyncSession, user_id: UUID, after: UUID | None, limit: int) -> Sequence[Grant]:
    """Return up to `limit + 1` of a buyer's grants, newest first."""
    query = select(Grant).where(Grant.user_id == user_id).order_by(Grant.id.desc()).limit(limit + 1)
    return (await session.scalars(query if after is None else query.where(Grant.id < after))).all()
