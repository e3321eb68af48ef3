"""Keeping the copies of users and orders that mails are made from."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.auth import UserRegistered, UserUpdated
from common.contracts.orders import OrderCreated
from common.errors import NotYet
from notifier.models import Order, Recipient


async def keep_recipient(session: AsyncSession, user: UserRegistered | UserUpdated) -> None:
    """Keep a user's name and address, unless a newer version is known."""
    row = {"user_id": user.user_id, "name": user.name, "email": user.email, "version": user.version_number}
    fresh = insert(Recipient).values(row)
    newer = {name: fresh.excluded[name] for name in ("name", "email", "version")}
    await session.execute(
        fresh.on_conflict_do_update(
            index_elements=[Recipient.user_id], set_=newer, where=Recipient.version < fresh.excluded.version
        )
    )


async def keep_order(session: AsyncSession, order: OrderCreated) -> None:
    """Keep what mails need of an order."""
    row = {
        "id": order.order_id,
        "user_id": order.user_id,
        "number": order.number,
        "amount": order.total.amount,
        "currency": order.total.currency,
        "open": True,
    }
    await session.execute(insert(Order).values(row).on_conflict_do_nothing())


async def close_order(session: AsyncSession, order_id: UUID) -> None:
    """Note that an order no longer waits for a payment; raises NotYet before it is known."""
    closing = update(Order).where(Order.id == order_id).values(open=False).returning(Order.id)
    if await session.scalar(closing) is None:
        raise NotYet
