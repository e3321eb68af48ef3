"""What payments hears: orders' wishes, and who its customers are."""

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.auth import UserRegistered, UserUpdated
from common.contracts.orders import (
    OrderCancelled,
    OrderClosing,
    OrderExpired,
    OrderPaid,
    OrderPaymentRequested,
    OrderRefundRequested,
)
from common.inbox import EventRouter
from payments.actions import requesting

events = EventRouter("payments")


@events.on(OrderPaymentRequested)
async def intend_payment(event: OrderPaymentRequested, session: AsyncSession) -> None:
    """Intend the attempt's payment."""
    await requesting.request_payment(session, event)


@events.on(OrderClosing)
async def close_payment(event: OrderClosing, session: AsyncSession) -> None:
    """Close the attempt's payment, and say what came of it."""
    await requesting.request_closing(session, event)


@events.on(OrderExpired)
async def close_expired(event: OrderExpired, session: AsyncSession) -> None:
    """Close what was left open because the provider could not be asked in time."""
    await requesting.end_payments(session, event.order_id, "expired")


@events.on(OrderCancelled)
async def close_cancelled(event: OrderCancelled, session: AsyncSession) -> None:
    """Close what was left open."""
    await requesting.end_payments(session, event.order_id, "cancelled")


@events.on(OrderPaid)
async def close_needless(event: OrderPaid, session: AsyncSession) -> None:
    """Close what is still open beside the money that came."""
    await requesting.end_payments(session, event.order_id, "order_paid")


@events.on(OrderRefundRequested)
async def intend_refund(event: OrderRefundRequested, session: AsyncSession) -> None:
    """Intend the refund."""
    await requesting.request_refund(session, event)


@events.on(UserRegistered)
async def copy_new_user(event: UserRegistered, session: AsyncSession) -> None:
    """Keep the name and address of a new user."""
    await requesting.copy_user(session, event)


@events.on(UserUpdated)
async def copy_changed_user(event: UserUpdated, session: AsyncSession) -> None:
    """Keep the new name and address of a user."""
    await requesting.copy_user(session, event)
