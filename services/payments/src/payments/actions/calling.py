"""What a loop writes around its calls: the request and its key before the first one, the outcome after each."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.payments import PaymentOpened
from common.db import now, wake_after_commit
from common.events import new_id
from common.money import NotChargeable
from common.sealed import Sealed
from payments.actions.facts import apply_provider_fact, differs, fail_refund
from payments.actions.telling import tell, tell_cancelled, tell_failed
from payments.domain import LIVE, UNOPENED, Patience, ProviderFact, RefundStatus, Status
from payments.models import Payment, Refund
from payments.providers import Opened, PaymentTerms, Provider, RefundTerms
from payments.queries import find_email, find_payment_locked, list_unmatched_locked

log = structlog.get_logger(__name__)
_NO_ADAPTER_PAUSE = timedelta(minutes=5)


async def prepare_payment(session: AsyncSession, payment: Payment, providers: Mapping[str, Provider]) -> bool:
    """Fix request and key before the first call; return False where there is nothing to call."""
    provider = providers.get(payment.provider)
    if payment.called_at is not None:
        return provider is not None or _without_adapter(payment)
    reason = "provider_not_configured" if provider is None else "flow_not_supported"
    if provider is not None and payment.flow in provider.flows:
        try:
            terms = _terms(payment, await find_email(session, payment.user_id))
            payment.prepare(
                provider.payment_request(terms), f"pay-{payment.id}-{new_id().hex}", livemode=provider.livemode
            )
        except NotChargeable:
            reason = "amount_not_chargeable"
        else:
            return True
    record_refused(session, payment, reason)
    return False


def _terms(payment: Payment, email: str | None) -> PaymentTerms:
    return PaymentTerms(
        payment_id=payment.id,
        order_id=payment.order_id,
        number=payment.number,
        attempt=payment.attempt,
        flow=payment.flow,
        money=payment.money,
        email=email,
    )


def prepare_refund(refund: Refund, providers: Mapping[str, Provider]) -> bool:
    """Fix request and key before the first call; return False where there is nobody to call."""
    provider = providers.get(refund.provider)
    if provider is None:
        return _without_adapter(refund)
    if refund.called_at is None:
        # What the system gives back by itself is all there is, whatever the provider says it was.
        money = None if refund.system else refund.money
        terms = RefundTerms(refund_id=refund.id, order_id=refund.order_id, payment_ref=refund.payment_ref, money=money)
        refund.prepare(provider.refund_request(terms), f"refund-{refund.id}-{new_id().hex}")
    return True


def _without_adapter(row: Payment | Refund) -> bool:
    log.error("provider has no credentials any more", provider=row.provider, id=str(row.id))
    row.again(now() + _NO_ADAPTER_PAUSE, "provider_not_configured")
    return False


async def record_opened(
    session: AsyncSession, payment: Payment, opened: Opened, secret: Sealed[str] | None, next_poll: timedelta
) -> None:
    """The provider has opened it: tell, and let what came early be applied."""
    if payment.status not in UNOPENED:
        return
    payment.open_as(opened.ref)
    payment.again(now() + next_poll)
    payment.attempts = 0
    if not any(differs(payment, fact) for fact in opened.facts):
        told = {
            "payment_id": payment.id,
            "order_id": payment.order_id,
            "attempt": payment.attempt,
            "provider": payment.provider,
            "flow": payment.flow,
            "amount": payment.money,
            "provider_ref": opened.ref,
            "client_secret": secret,
            "checkout_url": opened.checkout_url,
        }
        tell(session, payment, payment.move(Status.OPEN, "opened"), PaymentOpened.model_validate(told))
    _close_if_asked(session, payment)
    await apply_facts(session, payment, opened.facts)
    for event in await list_unmatched_locked(session, opened.ref):
        event.due_at = now()
        wake_after_commit(session, "apply facts")


def record_refused(session: AsyncSession, payment: Payment, reason: str) -> None:
    """The provider will not open it: nothing can come of it."""
    payment.done()
    if payment.status in UNOPENED:
        payment.last_error = reason
        tell_failed(session, payment, payment.move(Status.FAILED, "failed"), reason)


def record_unknown(session: AsyncSession, row: Payment | Refund, error: str, pause: timedelta) -> None:
    """Nobody knows what came of the call: the same one will be made again."""
    row.again(now() + pause, error[:500])
    if isinstance(row, Payment) and row.status == Status.INTENDED:
        session.add(row.move(Status.UNKNOWN, "unknown"))
    if isinstance(row, Refund) and row.status == RefundStatus.INTENDED:
        session.add(row.move(RefundStatus.UNKNOWN))


def record_never_opened(session: AsyncSession, payment: Payment) -> None:
    """The provider has no such payment and has forgotten the key: end it if asked to, else use a new key."""
    if reason := payment.closing:
        tell_cancelled(session, payment, payment.move(Status.CANCELLED, "cancelled"), reason)
        payment.done()
        return
    payment.called_at = None
    payment.again(now())


def record_never_refunded(refund: Refund) -> None:
    """The provider has no such refund and has forgotten the key: start over with a new key."""
    refund.called_at = None
    refund.again(now())


async def record_polled(
    session: AsyncSession, payment: Payment, facts: Sequence[ProviderFact], patience: Patience
) -> None:
    """Apply what the provider says now; come again while money may still come."""
    payment.again(now() + patience.next_poll(payment.polls + 1))
    payment.polls += 1
    payment.attempts = 0
    _close_if_asked(session, payment)
    await apply_facts(session, payment, facts)


def _close_if_asked(session: AsyncSession, payment: Payment) -> None:
    # Asked for while a call was in hand, whose outcome says when to come again: closing does not wait so long.
    if payment.closing:
        payment.close_for(payment.closing)
        wake_after_commit(session, "close payments")


async def record_closed(
    session: AsyncSession, payment: Payment, facts: Sequence[ProviderFact], patience: Patience
) -> None:
    """Apply what came of closing; a payment whose money moves already is looked at again until that is over."""
    payment.again(now() + patience.next_poll(payment.polls))
    payment.polls += 1
    payment.attempts = 0
    await apply_facts(session, payment, facts)
    if payment.status == Status.MISMATCHED and any(fact.kind in {"cancelled", "captured"} for fact in facts):
        payment.closing = None
        payment.done()


async def apply_facts(session: AsyncSession, payment: Payment, facts: Sequence[ProviderFact]) -> None:
    """Apply facts learned from a call."""
    for fact in facts:
        await apply_provider_fact(session, fact)
    if payment.status not in LIVE | {Status.MISMATCHED}:
        payment.done()


async def file_facts(session: AsyncSession, payment_id: UUID, facts: Sequence[ProviderFact]) -> None:
    """Keep what a call taught whose lease was lost meanwhile."""
    if await find_payment_locked(session, payment_id):
        for fact in facts:
            await apply_provider_fact(session, fact)


async def record_refund(session: AsyncSession, refund: Refund, fact: ProviderFact, patience: Patience) -> None:
    """Apply what the provider says of a refund; come again while it is on its way."""
    refund.again(now() + patience.next_poll(refund.polls))
    refund.polls += 1
    refund.attempts = 0
    refund.request = None
    await apply_provider_fact(session, fact)
    if refund.status in {RefundStatus.SUCCEEDED, RefundStatus.FAILED}:
        refund.done()


def record_refund_refused(session: AsyncSession, refund: Refund, reason: str) -> None:
    """The provider will not give the money back."""
    refund.last_error = reason
    fail_refund(session, refund, reason)
    refund.done()
