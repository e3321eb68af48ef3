"""How an order ends: unpaid, because its time is up or its buyer calls it off, or delivered."""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.orders import OrderCancelled, OrderClosing, OrderExpired, OrderFulfilled, OrderShipped
from common.db import now
from common.outbox import emit
from orders.actions.moving import locked, tell, wake_waiting
from orders.domain import Status
from orders.errors import NothingToShip, OrderMovedOn, PaymentInProgress
from orders.models import Order
from orders.queries import get_order_locked, list_due_orders


async def end_due_orders(session: AsyncSession, close_within: timedelta, limit: int = 50) -> int:
    """End what is unpaid after its time: without a payment at once, with one after it is closed at the provider."""
    orders = await list_due_orders(session, now(), limit)
    for order in orders:
        wake_waiting(session, order)
        if order.status == Status.AWAITING_PAYMENT:
            _close(session, order, Status.EXPIRED, close_within)
        else:
            end_unpaid(session, order)
    return len(orders)


async def cancel_order(session: AsyncSession, order_id: UUID, owner: UUID, close_within: timedelta) -> Order:
    """Its buyer calls an order off: at once, or after its payment is closed at the provider.

    An order that is closing because its time was up ends cancelled then; one that is cancelled stays as it is. Raises
    PaymentInProgress while money is on its way, OrderMovedOn for one that has ended otherwise or is paid.
    """
    order = await get_order_locked(session, order_id, owner)
    if Status.CANCELLED in {order.status, order.closing_into} and order.status in {Status.CANCELLED, Status.CLOSING}:
        return order
    if order.status not in {Status.PENDING, Status.AWAITING_PAYMENT, Status.CLOSING}:
        raise OrderMovedOn(current=order.status, wanted=Status.CANCELLED)
    if any(attempt.under_way for attempt in order.attempts.values()):
        raise PaymentInProgress(payment_status=order.payment_status)
    wake_waiting(session, order)
    if order.status == Status.CLOSING:
        order.closing_into = Status.CANCELLED
    else:
        _close(session, order, Status.CANCELLED, close_within)
    return order


def _close(
    session: AsyncSession, order: Order, into: Literal[Status.EXPIRED, Status.CANCELLED], within: timedelta
) -> None:
    """End an unpaid order; where money may still come, only once payments has closed the till."""
    if order.closed:
        order.closing_into = into
        end_unpaid(session, order)
        return
    tell(session, order.close(into, within), closing(order))


def closing(order: Order) -> OrderClosing:
    """Return the fact that asks payments to close the current attempt."""
    into: Literal["expired", "cancelled"] = "cancelled" if order.closing_into == Status.CANCELLED else "expired"
    return OrderClosing(order_id=order.id, attempt=order.attempt, into=into)


def end_unpaid(session: AsyncSession, order: Order) -> None:
    """End an order that no money can come for, or whose provider could not be asked in time."""
    into = order.closing_into or Status.EXPIRED
    step = order.move(into, into.value)
    if into == Status.EXPIRED:
        tell(session, step, OrderExpired(order_id=order.id, number=order.number, user_id=order.user_id))
    else:
        told = OrderCancelled(order_id=order.id, number=order.number, user_id=order.user_id, reason="cancelled")
        tell(session, step, told)


async def note_delivered(session: AsyncSession, order_id: UUID, line_id: UUID) -> None:
    """A line is delivered; with the last one the order is fulfilled."""
    order = await locked(session, order_id)
    _deliver(session, order, {line_id})


async def ship_order(session: AsyncSession, order_id: UUID, tracking: str | None) -> Order:
    """An operator ships the physical lines; raises OrderMovedOn unless paid, NothingToShip when all are gone."""
    order = await locked(session, order_id)
    if order.status != Status.PAID or order.refund_id is not None:
        raise OrderMovedOn(current=order.status, wanted="shipped")
    waiting = {line.id for line in order.lines if line.kind == "physical" and line.delivered_at is None}
    if not waiting:
        raise NothingToShip
    emit(session, OrderShipped(order_id=order.id, line_ids=sorted(waiting), tracking=tracking))
    _deliver(session, order, waiting)
    return order


def _deliver(session: AsyncSession, order: Order, line_ids: set[UUID]) -> None:
    if order.deliver(line_ids) and order.status == Status.PAID:
        step = order.move(Status.FULFILLED)
        tell(session, step, OrderFulfilled(order_id=order.id, number=order.number, user_id=order.user_id))
