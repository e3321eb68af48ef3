"""From reserved stock to captured money, and what follows when either is gone."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.catalog import StockRejected
from common.contracts.orders import Flow, OrderCancelled, OrderPaid, OrderPaymentRequested, OrderRejected, Provider
from common.contracts.payments import PaymentMismatched, PaymentSucceeded
from common.money import CHARGES, NotChargeable
from orders.actions.facts import lines_of
from orders.actions.moving import locked, tell, wake_waiting
from orders.actions.refunding import request_refund
from orders.actions.selling import enter_sale
from orders.domain import PAYABLE, AttemptState, Status
from orders.errors import AmountNotChargeable, OrderNotPayable, PaymentBeingOpened, PaymentInProgress
from orders.models import Order
from orders.queries import get_order_locked


async def request_payment(session: AsyncSession, order_id: UUID) -> None:
    """The stock is reserved: ask payments to open a payment, or go on at once when there is nothing to pay."""
    order = await locked(session, order_id)
    if order.status != Status.PENDING:
        return
    if order.total == 0:
        _pay(session, order, None)
        return
    step = order.move(Status.AWAITING_PAYMENT)
    tell(session, step, _asked(order, order.provider, order.flow))


async def pay_again(session: AsyncSession, order_id: UUID, owner: UUID, way: tuple[Provider, Flow]) -> Order:
    """Its buyer tries to pay once more, or by another way; payments closes the attempt before first.

    One attempt at most waits for the one before it: until that is known to be closed, the next is refused with
    PaymentBeingOpened, so that clicking twice opens one payment and queues none. An attempt that has not been opened,
    with none before it alive (its provider is down, say), may be replaced. Raises also OrderNotFound,
    OrderNotPayable, PaymentInProgress and AmountNotChargeable.
    """
    order = await get_order_locked(session, order_id, owner)
    attempts = order.attempts.values()
    if order.status != Status.AWAITING_PAYMENT:
        raise OrderNotPayable(order_status=order.status, payment_status=order.payment_status)
    if any(attempt.under_way for attempt in attempts):
        raise PaymentInProgress(payment_status=order.payment_status)
    if order.payment_state == AttemptState.INTENDED and sum(not attempt.ended for attempt in attempts) > 1:
        raise PaymentBeingOpened
    try:
        CHARGES[way[0]](order.price)
    except NotChargeable as error:
        raise AmountNotChargeable(reason=error.reason, **error.facts) from error
    wake_waiting(session, order)
    tell(session, order.note(), _asked(order, *way))
    return order


def _asked(order: Order, provider: Provider, flow: Flow) -> OrderPaymentRequested:
    return OrderPaymentRequested(
        order_id=order.id,
        number=order.number,
        user_id=order.user_id,
        attempt=order.ask_for_payment(provider, flow),
        provider=provider,
        flow=flow,
        amount=order.price,
        expires_at=order.expires_at,
    )


async def refuse_for_stock(session: AsyncSession, fact: StockRejected) -> None:
    """There is no stock: an unpaid order ends rejected, a paid one gets its money back."""
    order = await locked(session, fact.order_id)
    if order.status == Status.PENDING:
        step = order.move(Status.REJECTED, fact.reason)
        told = OrderRejected(order_id=order.id, number=order.number, user_id=order.user_id, reason=fact.reason)
        tell(session, step, told)
    elif order.status == Status.PAID:
        request_refund(session, order, fact.reason)


async def mark_paid(session: AsyncSession, fact: PaymentSucceeded) -> None:
    """The money is captured: the order is paid, or ended too firmly to be, and the money goes back."""
    order = await locked(session, fact.order_id)
    if order.has_money:
        return
    order.keep_attempt(order.attempt_of(fact.attempt).move(AttemptState.SUCCEEDED, fact.payment_id))
    if order.status in PAYABLE and fact.amount == order.price:
        _pay(session, order, fact.payment_id)
    else:
        request_refund(session, order, "paid_after_end" if fact.amount == order.price else "payment_mismatch")


async def cancel_mismatched(session: AsyncSession, fact: PaymentMismatched) -> None:
    """Another amount than ours was captured: it counts as unpaid, payments gives it back, and the order ends.

    An order that is being paid by another attempt meanwhile goes on.
    """
    order = await locked(session, fact.order_id)
    was_current = fact.attempt == order.attempt
    order.keep_attempt(order.attempt_of(fact.attempt).move(AttemptState.MISMATCHED, fact.payment_id))
    if order.status not in {Status.AWAITING_PAYMENT, Status.CLOSING} or not (was_current or order.closed):
        return
    step = order.move(Status.CANCELLED, "payment_mismatch")
    told = OrderCancelled(order_id=order.id, number=order.number, user_id=order.user_id, reason="payment_mismatch")
    tell(session, step, told)


def _pay(session: AsyncSession, order: Order, payment_id: UUID | None) -> None:
    if payment_id is None:
        order.pay_nothing()
    step = order.move(Status.PAID)
    enter_sale(session, order, step.at)
    tell(
        session,
        step,
        OrderPaid(
            order_id=order.id,
            number=order.number,
            user_id=order.user_id,
            payment_id=payment_id,
            lines=lines_of(order),
            total=order.price,
        ),
    )
