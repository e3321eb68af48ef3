"""Every SELECT of payments."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from payments.domain import LIVE, RefundStatus
from payments.errors import PaymentNotFound
from payments.models import Customer, Payment, PaymentTransition, ProviderEvent, Refund

_NOTHING_BACK = (RefundStatus.FAILED,)


async def get_payment(session: AsyncSession, payment_id: UUID, user_id: UUID | None) -> Payment:
    """Return a payment, of this user or (None) of anybody; raises PaymentNotFound."""
    payment = await session.get(Payment, payment_id)
    if payment is None or user_id not in {None, payment.user_id}:
        raise PaymentNotFound
    return payment


async def list_payments(
    session: AsyncSession, user_id: UUID | None, order_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[Payment]:
    """Return payments, newest first, of this user or (None) of everybody."""
    query = select(Payment).order_by(Payment.id.desc()).limit(limit)
    if user_id is not None:
        query = query.where(Payment.user_id == user_id)
    if order_id is not None:
        query = query.where(Payment.order_id == order_id)
    if after is not None:
        query = query.where(Payment.id < after)
    return (await session.scalars(query)).all()


async def find_payment_locked(session: AsyncSession, payment_id: UUID) -> Payment | None:
    """Return a payment as it is now, locked for this transaction."""
    return await session.get(Payment, payment_id, with_for_update=True, populate_existing=True)


async def find_attempt_locked(session: AsyncSession, order_id: UUID, attempt: int) -> Payment | None:
    """Return an order's payment of that attempt, locked."""
    query = select(Payment).where(Payment.order_id == order_id, Payment.attempt == attempt).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def list_order_locked(session: AsyncSession, order_id: UUID) -> Sequence[Payment]:
    """Return all of an order's payments, locked, in the order of their attempts."""
    query = select(Payment).where(Payment.order_id == order_id).order_by(Payment.attempt).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


def live_of(payments: Sequence[Payment]) -> Payment | None:
    """Return the one payment of an order that money may still come of."""
    return next((payment for payment in payments if payment.status in LIVE), None)


async def is_noted(session: AsyncSession, payment: Payment, fact_key: str) -> bool:
    """Say whether this has happened to the payment already."""
    same = (PaymentTransition.payment_id == payment.id, PaymentTransition.fact_key == fact_key)
    return bool(await session.scalar(select(select(PaymentTransition).where(*same).exists())))


async def find_refund_locked(session: AsyncSession, refund_id: UUID) -> Refund | None:
    """Return a refund as it is now, locked for this transaction."""
    return await session.get(Refund, refund_id, with_for_update=True, populate_existing=True)


async def find_system_refund(session: AsyncSession, payment: Payment) -> Refund | None:
    """Return the refund the system itself made of a payment."""
    return await session.scalar(select(Refund).where(Refund.payment_id == payment.id, Refund.system))


async def total_refunded(session: AsyncSession, payment: Payment) -> int:
    """Return how much of a payment went back or is on its way."""
    query = select(func.coalesce(func.sum(Refund.amount), 0)).where(
        Refund.payment_id == payment.id, Refund.status.not_in(_NOTHING_BACK)
    )
    return int(await session.scalar(query) or 0)


async def find_email(session: AsyncSession, user_id: UUID) -> str | None:
    """Return a user's address, as far as it is known."""
    return await session.scalar(select(Customer.email).where(Customer.user_id == user_id))


async def list_unmatched_locked(session: AsyncSession, object_ref: str) -> Sequence[ProviderEvent]:
    """Return the events that wait for an object, locked; those somebody works on are left out."""
    same = (ProviderEvent.status == "unmatched", ProviderEvent.object_ref == object_ref)
    return (await session.scalars(select(ProviderEvent).where(*same).with_for_update(skip_locked=True))).all()
