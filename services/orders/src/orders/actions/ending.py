"""How an order ends: unpaid, delivered, or with its money given back."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.orders import (
    OrderCancelled,
    OrderClosing,
    OrderExpired,
    OrderFulfilled,
    OrderRefunded,
    OrderRefundRequested,
    OrderShipped,
)
from common.contracts.payments import RefundSucceeded
from common.db import now, wake_after_commit
from common.events import new_id
from common.money import Money
from common.outbox import emit
from orders.actions.moving import locked, tell, topic
from orders.domain import PaymentStatus, Status
from orders.errors import NothingToShip, OrderMovedOn
from orders.models import Order
from orders.queries import list_due_orders


async def end_due_orders(session: AsyncSession, close_within: timedelta, limit: int = 50) -> int:
    """End what is unpaid after its time: without a payment at once, with one after it is closed at the provider."""
    orders = await list_due_orders(session, now(), limit)
    for order in orders:
        wake_after_commit(session, topic(order.id))
        if order.status == Status.AWAITING_PAYMENT:
            step = order.close(Status.EXPIRED, close_within)
            tell(session, step, OrderClosing(order_id=order.id, attempt=order.attempt, into="expired"))
        else:
            end_unpaid(session, order)
    return len(orders)


def end_unpaid(session: AsyncSession, order: Order) -> None:
    """End an order that no money can come for, or whose provider could not be asked in time."""
    into = order.closing_into or Status.EXPIRED
    step = order.move(into, into.value)
    if into == Status.EXPIRED:
        tell(session, step, OrderExpired(order_id=order.id, number=order.number, user_id=order.user_id))
    else:
        told = OrderCancelled(order_id=order.id, number=order.number, user_id=order.user_id, reason="cancelled")
        tell(session, step, told)


def request_refund(session: AsyncSession, order: Order, reason: str) -> None:
    """Have all the order's money given back, once."""
    if order.refund_id is not None or order.payment_id is None:
        return
    refund_id = new_id()
    order.ask_for_refund(refund_id)
    emit(
        session,
        OrderRefundRequested(
            order_id=order.id,
            refund_id=refund_id,
            payment_id=order.payment_id,
            amount=order.price,
            reason=reason,
        ),
    )


async def note_refunded(session: AsyncSession, fact: RefundSucceeded) -> None:
    """The money went back: the order's lines are taken back with it."""
    order = await locked(session, fact.order_id)
    if order.payment_status == PaymentStatus.REFUNDED:
        return
    order.refunded += fact.amount.amount
    order.note_payment(PaymentStatus.REFUNDED)
    told = OrderRefunded(
        order_id=order.id,
        number=order.number,
        user_id=order.user_id,
        refund_id=fact.refund_id,
        amount=fact.amount,
        total_refunded=Money(order.refunded, order.currency),
        whole=True,
        reason=fact.reason,
        lines=[line.id for line in order.lines],
    )
    if order.status in {Status.PAID, Status.FULFILLED}:
        tell(session, order.move(Status.REFUNDED, fact.reason), told)
    else:
        emit(session, told)


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
