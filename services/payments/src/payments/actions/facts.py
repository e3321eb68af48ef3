"""The one way in which what a provider says becomes true here: forward only, and right for any number of copies."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.payments import (
    PaymentMismatched,
    PaymentProcessing,
    PaymentSucceeded,
    RefundFailed,
    RefundSucceeded,
)
from common.db import now, wake_after_commit
from payments.actions.telling import tell, tell_cancelled, tell_failed
from payments.domain import AT_PROVIDER, Effect, Kind, ProviderFact, RefundStatus, Status
from payments.models import Payment, Refund
from payments.queries import find_payment_locked, find_refund_locked, find_system_refund, is_noted

log = structlog.get_logger(__name__)
_REFUNDS: Final[dict[Kind, RefundStatus]] = {
    "refund_pending": RefundStatus.PENDING,
    "refund_succeeded": RefundStatus.SUCCEEDED,
    "refund_failed": RefundStatus.FAILED,
}


async def apply_provider_fact(session: AsyncSession, fact: ProviderFact) -> Effect:
    """Make true what a provider says, once: webhooks, polls, listed events and answers all come here."""
    if fact.kind in _REFUNDS:
        return await _apply_to_refund(session, fact)
    payment = await find_payment_locked(session, fact.subject)
    if payment is None or (payment.provider, payment.provider_ref) != (fact.provider, fact.object_ref):
        return "unmatched"
    if differs(payment, fact):
        return await _mismatch(session, payment, fact)
    change = _CHANGES.get(fact.kind)
    return await change(session, payment, fact) if change else "known"


def differs(payment: Payment, fact: ProviderFact) -> bool:
    """Say whether the provider speaks of another amount, currency or mode than the payment's, where money may move."""
    return fact.kind != "cancelled" and (fact.money != payment.money or fact.livemode != payment.livemode)


async def _proceed(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    wanted = Status.PROCESSING if fact.kind == "processing" else Status.AUTHORIZED
    late = payment.tried_at is not None and fact.at <= payment.tried_at
    if late or not payment.may(wanted):
        return "known"
    told = PaymentProcessing(payment_id=payment.id, order_id=payment.order_id, attempt=payment.attempt)
    tell(session, payment, payment.move(wanted, f"{wanted}:{payment.version}"), told)
    return "applied"


async def _decline(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    if payment.status not in AT_PROVIDER:
        return "known"
    known = await is_noted(session, payment, f"declined:{fact.try_ref}")
    if known and (payment.tried_at is None or fact.at <= payment.tried_at):
        return "known"
    payment.tried_at = max(fact.at, payment.tried_at or fact.at)
    if known:
        if payment.status != Status.OPEN:
            session.add(payment.move(Status.OPEN, f"reopened:{payment.version}"))
        return "known"
    key = f"declined:{fact.try_ref}"
    record = payment.note(key) if payment.status == Status.OPEN else payment.move(Status.OPEN, key)
    tell_failed(session, payment, record, fact.reason, fact.try_ref)
    return "applied"


async def _capture(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    if payment.status == Status.MISMATCHED:
        return await _give_back(session, payment, fact)
    if payment.status == Status.SUCCEEDED and payment.capture_ref != fact.capture_ref:
        log.error("second capture", payment=str(payment.id), first=payment.capture_ref, second=fact.capture_ref)
    if not payment.may(Status.SUCCEEDED):
        return "known"
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
    return "applied"


async def _cancel(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    if payment.status not in AT_PROVIDER:
        return "known"
    reason = payment.closing or fact.reason or "cancelled_at_provider"
    tell_cancelled(session, payment, payment.move(Status.CANCELLED, "cancelled"), reason)
    return "applied"


_CHANGES: Final[dict[Kind, Callable[[AsyncSession, Payment, ProviderFact], Awaitable[Effect]]]] = {
    "processing": _proceed,
    "authorized": _proceed,
    "declined": _decline,
    "captured": _capture,
    "cancelled": _cancel,
}


async def _mismatch(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    """Another amount, currency or mode: unpaid for ever, closed at the provider, and what was taken goes back."""
    log.error("provider's word differs", payment=str(payment.id), ours=str(payment.money), theirs=str(fact.money))
    if payment.may(Status.MISMATCHED):
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
    elif fact.kind != "captured":
        return "known"
    if fact.kind == "captured" and payment.status == Status.MISMATCHED:
        return await _give_back(session, payment, fact)
    return "applied"


async def _give_back(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    """Refund all that a mismatched payment took, once; the row lock on the payment makes it one at a time."""
    if not fact.money.amount or await find_system_refund(session, payment):
        return "known"
    session.add(
        Refund(
            payment_id=payment.id,
            order_id=payment.order_id,
            provider=payment.provider,
            payment_ref=fact.object_ref,
            amount=fact.money.amount,
            currency=fact.money.currency,
            reason="payment_mismatch",
            correlation_id=payment.correlation_id,
            system=True,
            due_at=now(),
        )
    )
    wake_after_commit(session, "send refunds")
    return "applied"


async def _apply_to_refund(session: AsyncSession, fact: ProviderFact) -> Effect:
    refund = await find_refund_locked(session, fact.subject)
    if refund is None or refund.provider != fact.provider or refund.provider_ref not in {None, fact.object_ref}:
        return "unmatched"
    if refund.system:
        refund.amount, refund.currency = fact.money.amount, fact.money.currency
    elif refund.money != fact.money:
        log.error("refund of another amount", refund=str(refund.id), ours=str(refund.money), theirs=str(fact.money))
    refund.provider_ref = fact.object_ref
    wanted = _REFUNDS[fact.kind]
    if not refund.may(wanted):
        return "known"
    _tell_refund(session, refund, wanted, fact.reason)
    return "applied"


def _tell_refund(session: AsyncSession, refund: Refund, wanted: RefundStatus, reason: str) -> None:
    record = refund.move(wanted)
    about = {
        "refund_id": refund.id,
        "payment_id": refund.payment_id,
        "order_id": refund.order_id,
        "amount": refund.money,
    }
    if wanted == RefundStatus.SUCCEEDED:
        tell(session, refund, record, RefundSucceeded.model_validate({**about, "reason": refund.reason}))
    elif wanted == RefundStatus.FAILED:
        tell(session, refund, record, RefundFailed.model_validate({**about, "reason": reason or "refused"}))
    else:
        session.add(record)


def fail_refund(session: AsyncSession, refund: Refund, reason: str) -> None:
    """The provider refuses to give the money back: an operator must."""
    if refund.may(RefundStatus.FAILED):
        _tell_refund(session, refund, RefundStatus.FAILED, reason)
