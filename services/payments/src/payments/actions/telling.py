"""Telling what happened to a payment or a refund: the fact, and beside it the record of the change it tells of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.payments import PaymentCancelled, PaymentFailed
from common.db import wake_after_commit
from common.events import Event
from common.outbox import emit
from common.telemetry import current_trace, tracing
from payments.meters import count_after_commit
from payments.models import Payment, PaymentTransition, Refund, RefundTransition


def topic(payment: Payment) -> str:
    """What is woken whenever a payment has changed, or the provider was asked and says nothing new."""
    return f"payment:{payment.id}"


def tell(
    session: AsyncSession, subject: Payment | Refund, record: PaymentTransition | RefundTransition, fact: Event
) -> None:
    """Emit the fact under the trace of the purchase it belongs to, and keep the record with its id."""
    with belonging_to(subject):
        record.event_id, record.event_type = emit(session, fact), fact.wire
    keep(session, subject, record)
    if isinstance(subject, Payment) and isinstance(record, PaymentTransition):
        count_after_commit(session, subject, record, fact)


def keep(session: AsyncSession, subject: Payment | Refund, record: PaymentTransition | RefundTransition) -> None:
    """Keep the record of a change, and wake whoever waits for one."""
    session.add(record)
    if isinstance(subject, Payment):
        wake_after_commit(session, topic(subject))


@contextmanager
def belonging_to(subject: Payment | Refund) -> Iterator[None]:
    """Do something under the trace of the purchase a payment or refund belongs to."""
    trace = current_trace()
    traceparent = trace.traceparent or subject.traceparent
    with tracing(replace(trace, correlation_id=subject.correlation_id, traceparent=traceparent)):
        yield


def tell_failed(
    session: AsyncSession, payment: Payment, record: PaymentTransition, reason: str, try_ref: str | None = None
) -> None:
    """Tell of a declined try, or without one that the payment itself is refused."""
    fact = PaymentFailed(
        payment_id=payment.id,
        order_id=payment.order_id,
        attempt=payment.attempt,
        reason=reason,
        try_ref=try_ref or str(payment.id),
        final=try_ref is None,
    )
    tell(session, payment, record, fact)


def tell_cancelled(session: AsyncSession, payment: Payment, record: PaymentTransition, reason: str) -> None:
    """Tell that no money is expected of the payment any more."""
    fact = PaymentCancelled(payment_id=payment.id, order_id=payment.order_id, attempt=payment.attempt, reason=reason)
    tell(session, payment, record, fact)
