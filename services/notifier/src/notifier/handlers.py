"""The event door: what the notifier hears, and which mail or copy it makes of it."""

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.auth import UserRegistered, UserUpdated
from common.contracts.catalog import StockLow
from common.contracts.orders import (
    OrderCancelled,
    OrderCreated,
    OrderExpired,
    OrderPaid,
    OrderRefunded,
    OrderRejected,
)
from common.contracts.payments import PaymentFailed, PaymentSurplus
from common.inbox import EventRouter
from notifier.actions import copying, queueing

events = EventRouter("notifier")


@events.on(UserRegistered)
async def welcome_user(event: UserRegistered, session: AsyncSession) -> None:
    """Keep the address and greet."""
    await queueing.welcome(session, event)


@events.on(UserUpdated)
async def update_recipient(event: UserUpdated, session: AsyncSession) -> None:
    """Later mails go to the new address."""
    await copying.keep_recipient(session, event)


@events.on(OrderCreated)
async def keep_order(event: OrderCreated, session: AsyncSession) -> None:
    """Keep whose order it is and its number."""
    await copying.keep_order(session, event)


@events.on(OrderPaid)
async def confirm_payment(event: OrderPaid, session: AsyncSession) -> None:
    """Mail the lines and the total."""
    await queueing.confirm_payment(session, event)


@events.on(PaymentFailed)
async def tell_failed_payment(event: PaymentFailed, session: AsyncSession) -> None:
    """Mail how to try again."""
    await queueing.tell_failed_payment(session, event)


@events.on(PaymentSurplus)
async def tell_surplus(event: PaymentSurplus, session: AsyncSession) -> None:
    """Mail that the second payment goes back; its refund is told nobody else, for it was never the order's money."""
    await queueing.tell_surplus(session, event)


@events.on(OrderRefunded)
async def tell_refund(event: OrderRefunded, session: AsyncSession) -> None:
    """Mail the amount and the reason."""
    await queueing.tell_refund(session, event)


@events.on(OrderRejected)
async def tell_rejection(event: OrderRejected, session: AsyncSession) -> None:
    """Mail that the order cannot be supplied."""
    await queueing.tell_rejection(session, event)


@events.on(OrderExpired)
async def close_expired_order(event: OrderExpired, session: AsyncSession) -> None:
    """No mail invites to pay from now on."""
    await copying.close_order(session, event.order_id)


@events.on(OrderCancelled)
async def close_cancelled_order(event: OrderCancelled, session: AsyncSession) -> None:
    """No mail invites to pay from now on; where money goes back, the refund's mail tells why."""
    await copying.close_order(session, event.order_id)


@events.on(StockLow)
async def tell_low_stock(event: StockLow, session: AsyncSession) -> None:
    """Mail the seller how few are left."""
    await queueing.tell_low_stock(session, event)
