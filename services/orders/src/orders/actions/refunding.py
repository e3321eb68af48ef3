"""Money that goes back: asked for by the system or by support, or given back in a provider's dashboard."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.orders import OrderRefunded, OrderRefundRequested
from common.contracts.payments import RefundFailed, RefundSucceeded
from common.errors import NotYet
from common.events import new_id
from common.money import Money
from common.outbox import emit
from orders.actions.moving import locked, tell, wake_waiting
from orders.actions.selling import enter_refund
from orders.domain import PAYABLE, AttemptState, RefundState, Status
from orders.errors import NothingToRefund, RefundInProgress
from orders.models import Order
from orders.queries import get_order_locked


async def refund_order(session: AsyncSession, order_id: UUID, reason: str) -> Order:
    """Support gives back all that an order holds; raises RefundInProgress, NothingToRefund, OrderNotFound."""
    order = await get_order_locked(session, order_id)
    if order.refund_under_way:
        raise RefundInProgress(order_status=order.status, payment_status=order.payment_status)
    if not order.held:
        raise NothingToRefund(order_status=order.status, payment_status=order.payment_status)
    wake_waiting(session, order)
    request_refund(session, order, reason)
    return order


def request_refund(session: AsyncSession, order: Order, reason: str) -> None:
    """Have all that the order holds given back, once."""
    if order.refund_under_way or not order.held or order.payment_id is None:
        return
    refund_id = new_id()
    emit(
        session,
        OrderRefundRequested(
            order_id=order.id,
            refund_id=refund_id,
            payment_id=order.payment_id,
            amount=order.ask_for_refund(refund_id),
            reason=reason,
        ),
    )


async def note_refunded(session: AsyncSession, fact: RefundSucceeded) -> None:
    """Money went back; with the last of it the order's lines are taken back.

    A surplus was never the order's money. A part, given back in a dashboard, takes nothing back by itself.
    """
    if fact.capture == "surplus":
        return
    order = await locked(session, fact.order_id)
    own, before = _is_own(order, fact), order.given_back
    complete = order.has_money and not order.held
    noted = order.note_refund(fact.refund_id, fact.amount.amount, RefundState.SUCCEEDED, own=own)
    enter_refund(session, order, before)
    if not noted or (own and complete):  # what goes back beyond the whole is kept, and payments raises the alarm
        return
    # What a mismatched payment took is all there was, unless another one has paid the order or may still do so.
    whole = order.given_back >= order.total if own else not order.has_money and order.status not in PAYABLE
    told = OrderRefunded(
        order_id=order.id,
        number=order.number,
        user_id=order.user_id,
        refund_id=fact.refund_id,
        amount=fact.amount,
        total_refunded=Money(order.given_back, order.currency) if own else fact.amount,
        whole=whole,
        reason=fact.reason,
        lines=[line.id for line in order.lines] if whole else [],
    )
    if whole and order.status in {Status.PAID, Status.FULFILLED}:
        tell(session, order.move(Status.REFUNDED, fact.reason), told)
    else:
        emit(session, told)


async def note_refund_failed(session: AsyncSession, fact: RefundFailed) -> None:
    """Money did not go back, or came back to us: the order holds it, and support may ask again.

    Where the refund had been told succeeded, `payment_status` goes back to what the books say (`succeeded`, or
    `partially_refunded`) while the order stays `refunded`: its lines were taken back, and its buyer is owed the money.
    The order keeps each refund by its id, so that the sum can be explained; the next refund of it is told as any other.
    """
    if fact.capture == "surplus":
        return
    order = await locked(session, fact.order_id)
    own, before = _is_own(order, fact), order.given_back
    order.note_refund(fact.refund_id, fact.amount.amount, RefundState.FAILED, own=own)
    enter_refund(session, order, before)


def _is_own(order: Order, fact: RefundSucceeded | RefundFailed) -> bool:
    """Say whether a refund is of the order's own capture; raises NotYet while that has not been heard of."""
    mismatched = (each.payment_id for each in order.attempts.values() if each.state == AttemptState.MISMATCHED)
    if fact.capture == "mismatched" or fact.payment_id in mismatched:
        return False
    if not order.has_money:
        message = f"the money of order {order.id}"
        raise NotYet(message)
    return True
