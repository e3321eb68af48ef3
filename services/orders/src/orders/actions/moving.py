"""Moving an order and telling of it: the state, the event and the record of the step are one."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.db import wake_after_commit
from common.errors import NotYet
from common.events import Event
from common.outbox import emit
from orders.models import Order, Transition
from orders.queries import find_order_locked


async def locked(session: AsyncSession, order_id: UUID) -> Order:
    """Return the order locked for a change; raises NotYet when it is not here yet."""
    order = await find_order_locked(session, order_id)
    if order is None:
        message = f"order {order_id}"
        raise NotYet(message)
    wake_waiting(session, order)
    return order


def wake_waiting(session: AsyncSession, order: Order) -> None:
    """Let those who wait for a change of the order look again after the commit."""
    wake_after_commit(session, topic(order.id))


def tell(session: AsyncSession, step: Transition, fact: Event) -> None:
    """Tell of a step and keep its record."""
    step.event_id, step.event_type = emit(session, fact), fact.wire
    session.add(step)


def topic(order_id: UUID) -> str:
    """Return what is woken when this order changes."""
    return f"order:{order_id}"
