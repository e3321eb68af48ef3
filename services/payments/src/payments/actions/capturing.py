"""Money that came: the order keeps the first, and whatever else comes goes back by itself."""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.payments import PaymentMismatched, PaymentSucceeded, PaymentSurplus
from common.db import fetch, now, wake_after_commit
from common.events import new_id
from payments.actions.attempts import end_successors, let_successors_begin
from payments.actions.telling import tell
from payments.domain import CaptureStatus, Effect, ProviderFact, Status
from payments.models import Payment, Refund

log = structlog.get_logger(__name__)
# Whoever comes first is accepted: the index on the order decides, without a lock on the order's other payments.
# What was said of this money before it was known is looked at again.
_TAKE: Final = """
WITH taken AS (
    INSERT INTO captures (id, payment_id, order_id, provider, capture_ref, amount, currency, status, captured_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id
), waiting AS (
    SELECT e.id FROM provider_events e
    WHERE e.status IN ('foreign', 'unmatched') AND e.object_ref = $5 AND EXISTS (SELECT FROM taken)
    FOR UPDATE SKIP LOCKED
), woken AS (
    UPDATE provider_events e SET due_at = now() FROM waiting w WHERE e.id = w.id RETURNING e.id
) SELECT (SELECT count(*) FROM woken) AS woken FROM taken
"""


def differs(payment: Payment, fact: ProviderFact) -> bool:
    """Say whether the provider speaks of another amount, currency or mode than the payment's, where money may move."""
    return fact.kind != "cancelled" and (fact.money != payment.money or fact.livemode != payment.livemode)


async def take_money(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    """Book money that came, once: for the order if it has none yet, else to be given back."""
    if payment.capture_ref == fact.capture_ref:
        return "known"
    if payment.status == Status.MISMATCHED:
        return await _give_back(session, payment, fact, CaptureStatus.MISMATCHED)
    if payment.may(Status.SUCCEEDED) and await _take(session, payment, fact, CaptureStatus.ACCEPTED):
        await _accept(session, payment, fact)
        return "applied"
    return await _give_back(session, payment, fact, CaptureStatus.SURPLUS)


async def mismatch(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    """Another amount, currency or mode: unpaid for ever, closed at the provider, and what was taken goes back."""
    log.error("provider's word differs", payment=str(payment.id), ours=str(payment.money), theirs=str(fact.money))
    moved = payment.may(Status.MISMATCHED)
    if moved:
        waited_for = payment.closing
        told = PaymentMismatched(
            payment_id=payment.id,
            order_id=payment.order_id,
            attempt=payment.attempt,
            expected=payment.money,
            found=fact.money,
        )
        tell(session, payment, payment.move(Status.MISMATCHED, "mismatched"), told)
        payment.close_for("mismatched")
        wake_after_commit(session, "close payments")
        if waited_for:
            await let_successors_begin(session, payment)
    if fact.kind == "captured":
        mismatched = payment.status == Status.MISMATCHED
        kind = CaptureStatus.MISMATCHED if mismatched else CaptureStatus.SURPLUS
        given = await _give_back(session, payment, fact, kind)
        return "applied" if moved else given
    return "applied" if moved else "known"


async def _take(session: AsyncSession, payment: Payment, fact: ProviderFact, status: CaptureStatus) -> bool:
    money = (fact.money.amount, fact.money.currency)
    row = (new_id(), payment.id, payment.order_id, payment.provider, fact.capture_ref, *money, status.value, fact.at)
    taken = await fetch(session, _TAKE, *row)
    if taken and taken[0]["woken"]:
        wake_after_commit(session, "apply facts")
    return bool(taken)


async def _accept(session: AsyncSession, payment: Payment, fact: ProviderFact) -> None:
    waited_for = payment.closing
    payment.capture(fact.capture_ref, fact.at)
    told = {
        "payment_id": payment.id,
        "order_id": payment.order_id,
        "attempt": payment.attempt,
        "provider": payment.provider,
        "amount": payment.money,
        "capture_ref": fact.capture_ref,
        "captured_at": fact.at,
    }
    tell(session, payment, payment.move(Status.SUCCEEDED, "captured"), PaymentSucceeded.model_validate(told))
    if waited_for:
        await end_successors(session, payment)


async def _give_back(session: AsyncSession, payment: Payment, fact: ProviderFact, kind: CaptureStatus) -> Effect:
    """Refund all of a capture that the order does not keep: once, for the capture is booked once."""
    if not fact.money.amount or not await _take(session, payment, fact, kind):
        return "known"
    refund = Refund(
        payment_id=payment.id,
        order_id=payment.order_id,
        provider=payment.provider,
        capture_ref=fact.capture_ref,
        amount=fact.money.amount,
        currency=fact.money.currency,
        reason="payment_mismatch" if kind == CaptureStatus.MISMATCHED else "surplus",
        correlation_id=payment.correlation_id,
        traceparent=payment.traceparent,
        system=True,
        due_at=now(),
    )
    session.add(refund)
    wake_after_commit(session, "send refunds")
    if kind == CaptureStatus.SURPLUS:
        await _tell_surplus(session, payment, fact, refund)
    return "applied"


async def _tell_surplus(session: AsyncSession, payment: Payment, fact: ProviderFact, refund: Refund) -> None:
    log.warning("money for an order that has its money", payment=str(payment.id), capture_ref=fact.capture_ref)
    waited_for = payment.closing
    told = {
        "payment_id": payment.id,
        "order_id": payment.order_id,
        "number": payment.number,
        "user_id": payment.user_id,
        "attempt": payment.attempt,
        "provider": payment.provider,
        "amount": fact.money,
        "capture_ref": fact.capture_ref,
        "refund_id": refund.id,
    }
    key, moves = f"surplus:{fact.capture_ref}", payment.may(Status.SUCCEEDED)
    if moves:
        payment.capture(fact.capture_ref, fact.at)
    record = payment.move(Status.SUCCEEDED, key) if moves else payment.note(key)
    tell(session, payment, record, PaymentSurplus.model_validate(told))
    if moves and waited_for:
        await end_successors(session, payment)
