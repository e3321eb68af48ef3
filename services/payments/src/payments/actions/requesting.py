"""What orders asks of payments: to open a payment, to close it, to give money back. Each becomes a row for a loop."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.auth import UserRegistered, UserUpdated
from common.contracts.orders import OrderClosing, OrderPaymentRequested, OrderRefundRequested
from common.contracts.payments import RefundFailed
from common.db import fetch, now, wake_after_commit
from common.errors import NotYet
from common.telemetry import current_trace
from payments.actions.attempts import PREVIOUS_ATTEMPT_LIVE, SUPERSEDED, cancel
from payments.actions.telling import keep, tell, tell_cancelled
from payments.domain import AT_PROVIDER, LIVE, RefundStatus, Status
from payments.models import Capture, Payment, Refund
from payments.queries import (
    find_accepted,
    find_attempt_locked,
    find_payment_locked,
    find_refund_locked,
    list_live_locked,
    list_order_locked,
    total_refunded,
)


async def request_payment(session: AsyncSession, fact: OrderPaymentRequested) -> None:
    """Intend a payment. One before it that may still bring money is closed first, and this one waits for that."""
    known = await list_order_locked(session, fact.order_id)
    if known:
        # Whoever held the lock just now may have added one, which the list it held up does not show.
        known = await list_order_locked(session, fact.order_id)
    if any(payment.attempt == fact.attempt for payment in known):
        return
    trace = current_trace()
    payment = Payment(
        order_id=fact.order_id,
        user_id=fact.user_id,
        number=fact.number,
        attempt=fact.attempt,
        provider=fact.provider,
        flow=fact.flow,
        amount=fact.amount.amount,
        currency=fact.amount.currency,
        expires_at=fact.expires_at,
        correlation_id=trace.correlation_id,
        traceparent=trace.traceparent,
        due_at=now(),
    )
    if any(earlier.status == Status.SUCCEEDED for earlier in known):
        await cancel(session, payment, PREVIOUS_ATTEMPT_LIVE)
    else:
        await _take_over(session, payment, known)
        keep(session, payment, payment.note("intended"))
        wake_after_commit(session, "open payments")
    session.add(payment)


async def _take_over(session: AsyncSession, payment: Payment, known: Sequence[Payment]) -> None:
    for earlier in known:
        if earlier.waits_for is not None and not earlier.closing:
            await cancel(session, earlier, SUPERSEDED)
    live = next((earlier for earlier in known if earlier.status in LIVE and earlier.waits_for is None), None)
    if live is None:
        return
    await _close(session, live, SUPERSEDED)
    if live.status in LIVE:
        payment.wait_for(live)
    await session.flush()  # the index lets this one in once the other has left


async def request_closing(session: AsyncSession, fact: OrderClosing) -> None:
    """Close the payment of an attempt, at the provider if it was ever asked; raises NotYet for one not heard of."""
    payment = await find_attempt_locked(session, fact.order_id, fact.attempt)
    if payment is None:
        raise NotYet
    if payment.status in {Status.FAILED, Status.MISMATCHED}:
        _answer_again(session, payment, fact.into)
    else:
        await _close(session, payment, fact.into)


async def end_payments(session: AsyncSession, order_id: UUID, reason: str) -> None:
    """Close whatever may still bring money to an order that needs none, any more or at all."""
    for payment in await list_live_locked(session, order_id):
        await _close(session, payment, reason)


async def request_refund(session: AsyncSession, fact: OrderRefundRequested) -> None:
    """Intend a refund, never of more than was captured; raises NotYet for a payment not heard of."""
    payment = await find_payment_locked(session, fact.payment_id)
    if payment is None:
        raise NotYet
    if await find_refund_locked(session, fact.refund_id):
        return
    capture = await find_accepted(session, payment)
    obstacle = await _obstacle(session, capture, fact)
    refund = Refund(
        id=fact.refund_id,
        payment_id=payment.id,
        order_id=payment.order_id,
        provider=payment.provider,
        capture_ref=capture.capture_ref if capture else "",
        amount=fact.amount.amount,
        currency=fact.amount.currency,
        reason=fact.reason,
        correlation_id=payment.correlation_id,
        traceparent=current_trace().traceparent,
        due_at=now(),
    )
    session.add(refund)
    if obstacle is None:
        wake_after_commit(session, "send refunds")
        return
    told = RefundFailed(
        refund_id=refund.id, payment_id=payment.id, order_id=payment.order_id, amount=fact.amount, reason=obstacle
    )
    tell(session, refund, refund.move(RefundStatus.FAILED), told)


async def _obstacle(session: AsyncSession, capture: Capture | None, fact: OrderRefundRequested) -> str | None:
    if capture is None:
        return "not_captured"
    if capture.order_id != fact.order_id:
        return "not_the_orders_payment"
    if fact.amount.currency != capture.currency:
        return "other_currency"
    if fact.amount.amount + await total_refunded(session, capture) > capture.amount:
        return "more_than_captured"
    return None


async def copy_user(session: AsyncSession, fact: UserRegistered | UserUpdated) -> None:
    """Keep the newest name and address of a user."""
    await fetch(session, _COPY, fact.user_id, fact.name, fact.email, fact.version_number)


_COPY = """
INSERT INTO customers (user_id, name, email, version) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id) DO UPDATE SET name = $2, email = $3, version = $4 WHERE customers.version < $4
"""


async def _close(session: AsyncSession, payment: Payment, reason: str) -> None:
    if payment.status not in LIVE or payment.closing:
        return
    if payment.waits_for is not None:
        payment.closing = reason  # what may still come of the earlier one decides how it ends
        return
    if payment.called_at is None:
        await cancel(session, payment, reason)
        return
    payment.close_for(reason)
    wake_after_commit(session, "close payments" if payment.status in AT_PROVIDER else "open payments")


def _answer_again(session: AsyncSession, payment: Payment, reason: str) -> None:
    """No money can come of it, and orders may have asked before it heard."""
    tell_cancelled(session, payment, payment.note(f"closed:{payment.version}"), reason)
