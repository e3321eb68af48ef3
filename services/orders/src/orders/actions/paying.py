"""From reserved stock to captured money, and what follows when either is gone."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.catalog import StockRejected
from common.contracts.orders import OrderCancelled, OrderPaid, OrderPaymentRequested, OrderRejected
from common.contracts.payments import (
    PaymentCancelled,
    PaymentFailed,
    PaymentMismatched,
    PaymentOpened,
    PaymentProcessing,
    PaymentSucceeded,
)
from common.db import now
from orders.actions.ending import end_unpaid, request_refund
from orders.actions.facts import lines_of
from orders.actions.moving import locked, tell
from orders.domain import PAYABLE, PaymentStatus, Status
from orders.models import Order

# How long a payment that the bank is working on keeps its order from expiring.
_BANKS_PATIENCE = timedelta(days=7)


async def request_payment(session: AsyncSession, order_id: UUID) -> None:
    """The stock is reserved: ask payments to open a payment, or go on at once when there is nothing to pay."""
    order = await locked(session, order_id)
    if order.status != Status.PENDING:
        return
    if order.total == 0:
        _pay(session, order, None)
        return
    step = order.move(Status.AWAITING_PAYMENT)
    tell(
        session,
        step,
        OrderPaymentRequested(
            order_id=order.id,
            number=order.number,
            user_id=order.user_id,
            attempt=order.ask_for_payment(),
            provider=order.provider,
            flow=order.flow,
            amount=order.price,
            expires_at=order.expires_at,
        ),
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


async def note_opened(session: AsyncSession, fact: PaymentOpened) -> None:
    """The provider waits for the buyer."""
    order = await locked(session, fact.order_id)
    if fact.attempt == order.attempt and order.payment_id is None:
        order.open_payment(fact.payment_id, fact.client_secret, fact.checkout_url)


async def note_processing(session: AsyncSession, fact: PaymentProcessing) -> None:
    """The buyer's bank takes its time: the order does not expire meanwhile."""
    order = await locked(session, fact.order_id)
    if fact.attempt == order.attempt and order.status == Status.AWAITING_PAYMENT:
        order.note_payment(PaymentStatus.PROCESSING, "processing")
        order.wait_for_money(now() + _BANKS_PATIENCE)


async def note_failed(session: AsyncSession, fact: PaymentFailed) -> None:
    """A try failed; the order stays payable until it expires."""
    order = await locked(session, fact.order_id)
    if fact.attempt == order.attempt:
        order.note_payment(PaymentStatus.FAILED, "failed" if fact.final else None)
        if order.status == Status.AWAITING_PAYMENT:
            order.wait_for_money(order.expires_at)
    if fact.final and order.status == Status.CLOSING:
        end_unpaid(session, order)


async def mark_paid(session: AsyncSession, fact: PaymentSucceeded) -> None:
    """The money is captured: the order is paid, or ended too firmly to be, and the money goes back."""
    order = await locked(session, fact.order_id)
    if order.payment_status in {PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED}:
        return
    order.payment_id = fact.payment_id
    order.note_payment(PaymentStatus.SUCCEEDED, "succeeded")
    if order.status in PAYABLE and fact.amount == order.price:
        _pay(session, order, fact.payment_id)
    else:
        request_refund(session, order, "paid_after_end" if fact.amount == order.price else "payment_mismatch")


async def finish_closing(session: AsyncSession, fact: PaymentCancelled) -> None:
    """No money can come of the payment: an order that was closing has ended."""
    order = await locked(session, fact.order_id)
    if fact.attempt != order.attempt:
        return
    order.note_payment(PaymentStatus.FAILED, "cancelled")
    if order.status == Status.CLOSING:
        end_unpaid(session, order)


async def cancel_mismatched(session: AsyncSession, fact: PaymentMismatched) -> None:
    """Another amount than ours was captured: it counts as unpaid, payments gives it back, and the order ends."""
    order = await locked(session, fact.order_id)
    if order.status not in {Status.AWAITING_PAYMENT, Status.CLOSING}:
        return
    order.note_payment(PaymentStatus.FAILED, "mismatched")
    step = order.move(Status.CANCELLED, "payment_mismatch")
    told = OrderCancelled(order_id=order.id, number=order.number, user_id=order.user_id, reason="payment_mismatch")
    tell(session, step, told)


def _pay(session: AsyncSession, order: Order, payment_id: UUID | None) -> None:
    if payment_id is None:
        order.note_payment(PaymentStatus.SUCCEEDED)
    step = order.move(Status.PAID)
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
