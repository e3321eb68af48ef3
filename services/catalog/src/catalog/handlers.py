"""What catalog does when orders are made, paid, ended and refunded."""

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.delivering import take_back_lines
from catalog.actions.reserving import release_stock, reserve_stock, sell_stock
from common.contracts.orders import (
    OrderCancelled,
    OrderCreated,
    OrderExpired,
    OrderPaid,
    OrderRefunded,
    OrderRejected,
)
from common.inbox import EventRouter

events = EventRouter("catalog")


@events.on(OrderCreated)
async def reserve_lines(order: OrderCreated, session: AsyncSession) -> None:
    """Set the order's lines aside."""
    await reserve_stock(session, order)


@events.on(OrderPaid)
async def sell_lines(order: OrderPaid, session: AsyncSession) -> None:
    """Sell what was set aside, and deliver what is digital."""
    await sell_stock(session, order)


@events.on(OrderRejected)
async def release_rejected(order: OrderRejected, session: AsyncSession) -> None:
    """Let go of a rejected order's stock."""
    await release_stock(session, order.order_id, "rejected")


@events.on(OrderExpired)
async def release_expired(order: OrderExpired, session: AsyncSession) -> None:
    """Let go of an expired order's stock."""
    await release_stock(session, order.order_id, "expired")


@events.on(OrderCancelled)
async def release_cancelled(order: OrderCancelled, session: AsyncSession) -> None:
    """Let go of a cancelled order's stock."""
    await release_stock(session, order.order_id, "cancelled")


@events.on(OrderRefunded)
async def revoke_refunded(refund: OrderRefunded, session: AsyncSession) -> None:
    """Take back what was refunded."""
    await take_back_lines(session, refund)
