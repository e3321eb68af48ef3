"""Every SELECT of the notifier."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import fetch
from notifier.domain import Status
from notifier.models import Notification, Order, Recipient


async def find_recipient(session: AsyncSession, user_id: UUID) -> Recipient | None:
    """Return what is known of a user."""
    return await session.get(Recipient, user_id)


async def find_order(session: AsyncSession, order_id: UUID) -> Order | None:
    """Return what is known of an order."""
    return await session.get(Order, order_id)


async def list_notifications(
    session: AsyncSession, *, user_id: UUID | None, status: Status | None, after: UUID | None, limit: int
) -> Sequence[Notification]:
    """Return mails newest first, of one user or of all."""
    query = select(Notification).order_by(Notification.id.desc()).limit(limit)
    if user_id is not None:
        query = query.where(Notification.user_id == user_id)
    if status is not None:
        query = query.where(Notification.status == status)
    if after is not None:
        query = query.where(Notification.id < after)
    return (await session.scalars(query)).all()


class Waiting(NamedTuple):
    """How many mails wait, and since how many seconds the oldest of them."""

    mails: int
    oldest: float


async def count_waiting(session: AsyncSession) -> Waiting:
    """Return what is still to be sent."""
    row = (await fetch(session, _WAITING))[0]
    return Waiting(row["mails"], float(row["oldest"]))


_WAITING = """
SELECT count(*) AS mails, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS oldest
FROM notifications WHERE due_at IS NOT NULL
"""
