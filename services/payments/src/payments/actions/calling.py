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
from payments.actions.attempts import cancel, end_successors, refuse
from payments.actions.capturing import differs
from payments.actions.facts import apply_provider_fact
from payments.actions.refunding import fail_refund
from payments.actions.telling import keep, tell, topic
from payments.domain import LIVE, UNOPENED, Patience, ProviderFact, RefundStatus, Status
from payments.models import Customer, Payment, Refund
from payments.providers import Opened, PaymentTerms, Provider, RefundTerms
from payments.queries import find_customer, find_payment_locked, list_unmatched_locked

log = structlog.get_logger(__name__)
_NO_ADAPTER_PAUSE = timedelta(minutes=5)
_SETTLED = frozenset({"cancelled", "captured", "left_open"})


async def prepare_payment(
    session: AsyncSession, payment: Payment, providers: Mapping[str, Provider], return_url: str
) -> bool:
    """Fix request and key before the first call; return False where there is nothing to call."""
    provider = providers.get(payment.provider)
    if payment.called_at is not None:
        return provider is not None or _without_adapter(payment)
    reason = "provider_not_configured" if provider is None else "flow_not_supported"
    if provider is not None and payment.flow in provider.flows:
        try:
            terms = _terms(payment, await find_customer(session, payment.user_id), return_url)
            payment.prepare(
                provider.payment_request(terms), f"pay-{payment.id}-{new_id().hex}", livemode=provider.livemode
            )
        except NotChargeable:
            reason = "amount_not_chargeable"
        else:
            return True
    await record_refused(session, payment, reason)
    return False


def _terms(payment: Payment, customer: Customer | None, return_url: str) -> PaymentTerms:
    return PaymentTerms(
        payment_id=payment.id,
        order_id=payment.order_id,
        number=payment.number,
        attempt=payment.attempt,
        flow=payment.flow,
        money=payment.money,
        expires_at=payment.expires_at,
        return_url=return_url,
        name=customer.name if customer else None,
        email=customer.email if customer else None,
    )


def prepare_refund(refund: Refund, providers: Mapping[str, Provider]) -> bool:
    """Fix request and key before the first call; return False where there is nobody to call."""
    provider = providers.get(refund.provider)
    if provider is None:
        return _without_adapter(refund)
    if refund.called_at is None:
        # What the system gives back by itself is all there is, whatever the provider says it was.
        money = None if refund.system else refund.money
        terms = RefundTerms(refund_id=refund.id, order_id=refund.order_id, capture_ref=refund.capture_ref, money=money)
        refund.prepare(provider.refund_request(terms), f"refund-{refund.id}-{new_id().hex}")
    return True


def _without_adapter(row: Payment | Refund) -> bool:
    log.error("provider has no credentials any more", provider=row.provider, id=str(row.id))
    row.again(now() + _NO_ADAPTER_PAUSE, "provider_not_configured")
    return False


async def record_opened(
    session: AsyncSession, payment: Payment, opened: Opened, secret: Sealed[str] | None, patience: Patience
) -> None:
    """The provider has opened it: tell, and let what came early be applied."""
    if payment.status not in UNOPENED:
        return
    payment.open_as(opened.ref)
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
            "razorpay": opened.razorpay,
        }
        tell(session, payment, payment.move(Status.OPEN, "opened"), PaymentOpened.model_validate(told))
    await _apply(session, opened.facts)
    _come_again(payment, patience)
    _close_if_asked(session, payment)
    for event in await list_unmatched_locked(session, payment):
        event.due_at = now()
        wake_after_commit(session, "apply facts")


async def record_refused(session: AsyncSession, payment: Payment, reason: str) -> None:
    """The provider will not open it: nothing can come of it."""
    payment.done()
    if payment.status in UNOPENED:
        await refuse(session, payment, reason)


def record_unknown(session: AsyncSession, row: Payment | Refund, error: str, pause: timedelta) -> None:
    """Nobody knows what came of the call: the same one will be made again."""
    row.again(now() + pause, error[:500])
    if isinstance(row, Payment) and row.status == Status.INTENDED:
        keep(session, row, row.move(Status.UNKNOWN, "unknown"))
    if isinstance(row, Refund) and row.status == RefundStatus.INTENDED:
        keep(session, row, row.move(RefundStatus.UNKNOWN))


async def record_never_opened(session: AsyncSession, payment: Payment) -> None:
    """The provider has no such payment and has forgotten the key: end it if asked to, else use a new key."""
    if payment.closing:
        await cancel(session, payment, payment.closing)
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
    payment.polls += 1
    payment.attempts = 0
    await _apply(session, facts)
    _come_again(payment, patience)
    _close_if_asked(session, payment)
    wake_after_commit(session, topic(payment))


async def record_closed(
    session: AsyncSession, payment: Payment, facts: Sequence[ProviderFact], patience: Patience
) -> None:
    """Apply what came of closing; a payment whose money moves already is looked at again until that is over."""
    payment.attempts = 0
    await _apply(session, facts)
    if payment.closing and payment.status in {Status.PROCESSING, Status.AUTHORIZED}:
        await end_successors(session, payment)
    if payment.status == Status.MISMATCHED and any(fact.kind in _SETTLED for fact in facts):
        payment.closing = None
    _come_again(payment, patience)
    payment.polls += payment.status != Status.SUPERSEDED
    wake_after_commit(session, topic(payment))


async def _apply(session: AsyncSession, facts: Sequence[ProviderFact]) -> None:
    for fact in facts:
        await apply_provider_fact(session, fact)


def _come_again(payment: Payment, patience: Patience) -> None:
    at = now() + patience.next_poll(payment.polls)
    if payment.superseded_at and payment.status == Status.SUPERSEDED:
        end = patience.last_look(payment.superseded_at)
        payment.again(min(at, end)) if now() < end else payment.done()
    elif payment.status in LIVE or (payment.status == Status.MISMATCHED and payment.closing):
        payment.again(at)
    else:
        payment.done()


def _close_if_asked(session: AsyncSession, payment: Payment) -> None:
    # Asked for while a call was in hand, whose outcome says when to come again: closing does not wait so long.
    if payment.closing:
        payment.close_for(payment.closing)
        wake_after_commit(session, "close payments")


async def file_facts(session: AsyncSession, payment_id: UUID, facts: Sequence[ProviderFact]) -> None:
    """Keep what a call taught whose lease was lost meanwhile."""
    if await find_payment_locked(session, payment_id):
        await _apply(session, facts)


async def record_refund(session: AsyncSession, refund: Refund, fact: ProviderFact, patience: Patience) -> None:
    """Apply what the provider says of a refund; come again while it is on its way."""
    refund.again(now() + patience.next_poll(refund.polls))
    refund.polls += 1
    refund.attempts = 0
    refund.request = None
    await apply_provider_fact(session, fact)
    if refund.status in {RefundStatus.SUCCEEDED, RefundStatus.FAILED}:
        refund.done()


async def record_refund_refused(session: AsyncSession, refund: Refund, reason: str) -> None:
    """The provider will not give the money back."""
    refund.last_error = reason
    await fail_refund(session, refund, reason)
    refund.done()
