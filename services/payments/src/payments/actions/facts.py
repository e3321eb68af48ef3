"""The one way in which what a provider says becomes true here: forward only, and right for any number of copies."""

from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.payments import PaymentProcessing
from common.telemetry import span
from payments.actions.attempts import cancel, supersede
from payments.actions.capturing import differs, mismatch, take_money
from payments.actions.refunding import apply_to_refund
from payments.actions.telling import belonging_to, tell, tell_failed
from payments.domain import AT_PROVIDER, REFUND_KINDS, Effect, Kind, ProviderFact, Status
from payments.models import Payment
from payments.queries import find_subject_locked, get_last_change, is_noted


async def apply_provider_fact(session: AsyncSession, fact: ProviderFact) -> Effect:
    """Make true what a provider says, once: webhooks, polls, listed events and answers all come here."""
    if fact.kind in REFUND_KINDS:
        return await apply_to_refund(session, fact)
    payment = await find_subject_locked(session, fact)
    if payment is None or not payment.is_meant_by(fact):
        return "unmatched"
    with belonging_to(payment), span("payments", f"apply {fact.kind}"):
        if differs(payment, fact):
            return await mismatch(session, payment, fact)
        change = _CHANGES.get(fact.kind)
        return await change(session, payment, fact) if change else "known"


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
    if await is_noted(session, payment, f"declined:{fact.try_ref}"):
        return await _reopen(session, payment, fact)
    payment.tried_at = max(fact.at, payment.tried_at or fact.at)
    key = f"declined:{fact.try_ref}"
    record = payment.note(key) if payment.status == Status.OPEN else payment.move(Status.OPEN, key)
    tell_failed(session, payment, record, fact.reason, fact.try_ref)
    return "applied"


async def _reopen(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    """A try that was declined before is the provider's last word again: what went on meanwhile came to nothing."""
    if payment.tried_at is not None and fact.at <= payment.tried_at:
        return "known"
    if payment.status == Status.OPEN or fact.at <= await get_last_change(session, payment):
        return "known"
    payment.tried_at = fact.at
    again = f"{fact.try_ref}:{payment.version}"
    tell_failed(session, payment, payment.move(Status.OPEN, f"reopened:{payment.version}"), fact.reason, again)
    return "applied"


async def _cancel(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    if payment.status not in AT_PROVIDER:
        return "known"
    await cancel(session, payment, payment.closing or fact.reason or "cancelled_at_provider")
    return "applied"


async def _leave_open(session: AsyncSession, payment: Payment, fact: ProviderFact) -> Effect:
    """Answer a closing; a try that began since the provider said so keeps the payment."""
    if payment.closing is None or not payment.may(Status.SUPERSEDED):
        return "known"
    if payment.status != Status.OPEN and fact.at <= await get_last_change(session, payment):
        return "known"
    await supersede(session, payment)
    return "applied"


_CHANGES: Final[dict[Kind, Callable[[AsyncSession, Payment, ProviderFact], Awaitable[Effect]]]] = {
    "processing": _proceed,
    "authorized": _proceed,
    "declined": _decline,
    "captured": take_money,
    "cancelled": _cancel,
    "left_open": _leave_open,
}
