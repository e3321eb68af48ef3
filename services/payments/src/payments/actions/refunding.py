"""Money that goes back: asked for here, or given back at the provider by somebody."""

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.payments import RefundFailed, RefundSucceeded
from common.db import now, wake_after_commit
from payments.actions.telling import keep, tell
from payments.domain import REFUND_KINDS, CaptureStatus, Effect, ProviderFact, RefundStatus
from payments.models import Capture, Payment, Refund
from payments.queries import (
    find_capture,
    find_payment_locked,
    find_refund_locked,
    find_refund_of_locked,
    total_refunded,
)

log = structlog.get_logger(__name__)


async def apply_to_refund(session: AsyncSession, fact: ProviderFact) -> Effect:
    """Make true what a provider says of a refund, whoever made it."""
    refund = await find_refund_locked(session, fact.subject) if fact.subject else None
    if fact.subject and (refund is None or refund.provider != fact.provider):
        return "unmatched"
    if refund is None or refund.provider_ref not in {None, fact.object_ref}:
        refund = await _made_at_provider(session, fact)
    if refund is None:
        return "foreign"
    if refund.system and fact.money.amount:
        refund.amount, refund.currency = fact.money.amount, fact.money.currency
    elif refund.money != fact.money:
        log.error("refund of another amount", refund=str(refund.id), ours=str(refund.money), theirs=str(fact.money))
    refund.provider_ref = fact.object_ref
    wanted = REFUND_KINDS[fact.kind]
    if not refund.may(wanted):
        return "known"
    await _move(session, refund, wanted, fact.reason)
    return "applied"


async def _made_at_provider(session: AsyncSession, fact: ProviderFact) -> Refund | None:
    """Return the refund known by the provider's id, a new one of money that is known, or None: money of no concern."""
    if known := await find_refund_of_locked(session, fact):
        return known
    capture = await find_capture(session, fact.provider, fact.capture_ref)
    if capture is None:
        return None
    payment = await find_payment_locked(session, capture.payment_id)  # one at a time
    assert payment is not None
    return await find_refund_of_locked(session, fact) or await _record(session, payment, capture, fact)


async def _record(session: AsyncSession, payment: Payment, capture: Capture, fact: ProviderFact) -> Refund:
    refund = Refund(
        payment_id=payment.id,
        order_id=payment.order_id,
        provider=payment.provider,
        capture_ref=capture.capture_ref,
        provider_ref=fact.object_ref,
        amount=fact.money.amount,
        currency=fact.money.currency,
        reason="made_at_provider",
        correlation_id=payment.correlation_id,
        traceparent=payment.traceparent,
        due_at=now(),
    )
    back = await total_refunded(session, capture)
    if fact.kind != "refund_failed" and back + refund.amount > capture.amount:
        log.error("MORE GOES BACK THAN CAME", payment=str(payment.id), capture_ref=capture.capture_ref)
    session.add(refund)
    wake_after_commit(session, "poll refunds")
    return refund


async def _move(session: AsyncSession, refund: Refund, wanted: RefundStatus, reason: str) -> None:
    record = refund.move(wanted)
    if wanted == RefundStatus.PENDING:
        keep(session, refund, record)
        return
    capture = await find_capture(session, refund.provider, refund.capture_ref)
    about = {
        "refund_id": refund.id,
        "payment_id": refund.payment_id,
        "order_id": refund.order_id,
        "amount": refund.money,
        "capture": capture.status if capture else CaptureStatus.ACCEPTED,
    }
    if wanted == RefundStatus.SUCCEEDED:
        tell(session, refund, record, RefundSucceeded.model_validate({**about, "reason": refund.reason}))
    else:
        tell(session, refund, record, RefundFailed.model_validate({**about, "reason": reason or "refused"}))


async def fail_refund(session: AsyncSession, refund: Refund, reason: str) -> None:
    """The provider refuses to give the money back: an operator must."""
    if refund.may(RefundStatus.FAILED):
        await _move(session, refund, RefundStatus.FAILED, reason)
