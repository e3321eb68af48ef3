"""Every SELECT of payments.

Payments are locked with `key_share`: their captures and refunds refer to them, and whoever writes one need not wait
for who has locked the payment first and the refund next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from payments.domain import LIVE, CaptureStatus, ProviderFact, RefundStatus, Status
from payments.errors import PaymentNotFound
from payments.models import Capture, Customer, Payment, PaymentTransition, ProviderEvent, Refund

_NOTHING_BACK = (RefundStatus.FAILED,)
_ABOUT: Final = timedelta(minutes=1)


async def get_payment(session: AsyncSession, payment_id: UUID, user_id: UUID | None) -> Payment:
    """Return a payment, of this user or (None) of anybody; raises PaymentNotFound."""
    payment = await session.get(Payment, payment_id)
    if payment is None or user_id not in {None, payment.user_id}:
        raise PaymentNotFound
    return payment


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which payments to list; None wants any."""

    user_id: UUID | None
    order_id: UUID | None = None
    status: Status | None = None
    provider: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


async def list_payments(
    session: AsyncSession, wanted: Wanted, after: UUID | None = None, limit: int = 20
) -> Sequence[Payment]:
    """Return payments, newest first."""
    query = select(Payment).order_by(Payment.id.desc()).limit(limit)
    for column in (Payment.user_id, Payment.order_id, Payment.status, Payment.provider):
        if (value := getattr(wanted, column.key)) is not None:
            query = query.where(column == value)
    if wanted.created_from is not None:
        first = _id_of(wanted.created_from - _ABOUT)
        query = query.where(Payment.created_at >= wanted.created_from, Payment.id >= first)
    if wanted.created_to is not None:
        query = query.where(Payment.created_at < wanted.created_to, Payment.id < _id_of(wanted.created_to + _ABOUT))
    if after is not None:
        query = query.where(Payment.id < after)
    return (await session.scalars(query)).all()


def _id_of(moment: datetime) -> UUID:
    # Ids sort by the time they were made at, and have the index.
    return UUID(int=int(moment.timestamp() * 1000) << 80)


async def list_captures(session: AsyncSession, payment: Payment) -> Sequence[Capture]:
    """Return the money that came of a payment, in the order it came."""
    return (await session.scalars(select(Capture).where(Capture.payment_id == payment.id).order_by(Capture.id))).all()


async def list_refunds(session: AsyncSession, payment: Payment) -> Sequence[Refund]:
    """Return what goes back of a payment's money, oldest first."""
    return (await session.scalars(select(Refund).where(Refund.payment_id == payment.id).order_by(Refund.id))).all()


async def find_payment(session: AsyncSession, payment_id: str) -> Payment | None:
    """Return a payment by its id as it is written."""
    try:
        return await session.get(Payment, UUID(payment_id))
    except ValueError:
        return None


async def find_payment_as(session: AsyncSession, provider: str, provider_ref: str) -> Payment | None:
    """Return the payment that was opened as this at the provider."""
    same = (Payment.provider == provider, Payment.provider_ref == provider_ref)
    return (await session.scalars(select(Payment).where(*same))).one_or_none()


async def find_subject_locked(session: AsyncSession, fact: ProviderFact) -> Payment | None:
    """Return the payment a fact may be about, locked: the one it names, else the one opened as its object."""
    if fact.subject is not None:
        return await find_payment_locked(session, fact.subject)
    same = (Payment.provider == fact.provider, Payment.provider_ref == fact.object_ref)
    query = select(Payment).where(*same).with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await session.scalars(query)).one_or_none()


async def find_payment_locked(session: AsyncSession, payment_id: UUID) -> Payment | None:
    """Return a payment as it is now, locked for this transaction."""
    return await session.get(Payment, payment_id, with_for_update={"key_share": True}, populate_existing=True)


async def find_attempt_locked(session: AsyncSession, order_id: UUID, attempt: int) -> Payment | None:
    """Return an order's payment of that attempt, locked."""
    same = (Payment.order_id == order_id, Payment.attempt == attempt)
    query = select(Payment).where(*same).with_for_update(key_share=True)
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def list_order_locked(session: AsyncSession, order_id: UUID) -> Sequence[Payment]:
    """Return all of an order's payments, locked, in the order of their attempts."""
    return await _list_locked(session, Payment.order_id == order_id)


async def list_live_locked(session: AsyncSession, order_id: UUID) -> Sequence[Payment]:
    """Return an order's payments that are expected to bring money, locked, in the order of their attempts."""
    return await _list_locked(session, Payment.order_id == order_id, Payment.status.in_(LIVE))


async def list_waiting_locked(session: AsyncSession, payment: Payment) -> Sequence[Payment]:
    """Return the attempts that wait for a payment to end, locked, in their order."""
    return await _list_locked(session, Payment.waits_for == payment.id)


async def _list_locked(session: AsyncSession, *where: ColumnElement[bool]) -> Sequence[Payment]:
    query = select(Payment).where(*where).order_by(Payment.attempt).with_for_update(key_share=True)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def is_noted(session: AsyncSession, payment: Payment, fact_key: str) -> bool:
    """Say whether this has happened to the payment already."""
    same = (PaymentTransition.payment_id == payment.id, PaymentTransition.fact_key == fact_key)
    return bool(await session.scalar(select(select(PaymentTransition).where(*same).exists())))


async def find_refund_locked(session: AsyncSession, refund_id: UUID) -> Refund | None:
    """Return a refund as it is now, locked for this transaction."""
    return await session.get(Refund, refund_id, with_for_update=True, populate_existing=True)


async def find_refund_of_locked(session: AsyncSession, fact: ProviderFact) -> Refund | None:
    """Return the refund that a provider knows as the fact's object, locked."""
    same = (Refund.provider == fact.provider, Refund.provider_ref == fact.object_ref)
    query = select(Refund).where(*same).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(query)).one_or_none()


async def find_capture(session: AsyncSession, provider: str, capture_ref: str) -> Capture | None:
    """Return money that came, by the provider's id of it."""
    same = (Capture.provider == provider, Capture.capture_ref == capture_ref)
    return (await session.scalars(select(Capture).where(*same))).one_or_none()


async def find_accepted(session: AsyncSession, payment: Payment) -> Capture | None:
    """Return the money of a payment that its order keeps."""
    same = (Capture.payment_id == payment.id, Capture.status == CaptureStatus.ACCEPTED)
    return (await session.scalars(select(Capture).where(*same))).one_or_none()


async def total_refunded(session: AsyncSession, capture: Capture) -> int:
    """Return how much of a capture went back or is on its way."""
    query = select(func.coalesce(func.sum(Refund.amount), 0)).where(
        Refund.provider == capture.provider,
        Refund.capture_ref == capture.capture_ref,
        Refund.status.not_in(_NOTHING_BACK),
    )
    return int(await session.scalar(query) or 0)


async def find_customer(session: AsyncSession, user_id: UUID) -> Customer | None:
    """Return a user's name and address, as far as they are known."""
    return await session.get(Customer, user_id)


async def get_last_change(session: AsyncSession, payment: Payment) -> datetime:
    """Return when something last happened to a payment."""
    query = select(func.max(PaymentTransition.at)).where(PaymentTransition.payment_id == payment.id)
    return await session.scalar(query) or payment.created_at


async def list_unmatched_locked(session: AsyncSession, payment: Payment) -> Sequence[ProviderEvent]:
    """Return the events that wait for a payment, locked; those somebody works on are left out."""
    names = (str(payment.id), payment.provider_ref)
    same = (ProviderEvent.status.in_(("foreign", "unmatched")), ProviderEvent.object_ref.in_(names))
    return (await session.scalars(select(ProviderEvent).where(*same).with_for_update(skip_locked=True))).all()
