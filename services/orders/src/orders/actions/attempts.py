"""What payments tells of an attempt to pay, and what follows for an order that waits for it or is closing."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.payments import PaymentCancelled, PaymentFailed, PaymentOpened, PaymentProcessing
from common.db import now
from orders.actions.ending import closing, end_unpaid
from orders.actions.moving import locked, tell
from orders.domain import BANKS_PATIENCE, CLOSES_WITHIN, Attempt, AttemptState, Status
from orders.models import Order


async def note_opened(session: AsyncSession, fact: PaymentOpened) -> None:
    """The provider waits for the buyer."""
    order = await locked(session, fact.order_id)
    attempt = order.attempt_of(fact.attempt)
    if attempt.ended or attempt.client_secret or attempt.checkout_url or attempt.razorpay:
        return
    opened = replace(
        attempt,
        state=AttemptState.OPEN if attempt.state == AttemptState.INTENDED else attempt.state,
        payment_id=fact.payment_id,
        client_secret=fact.client_secret,
        checkout_url=fact.checkout_url,
        razorpay=fact.razorpay.model_dump() if fact.razorpay else None,
    )
    _keep(session, order, opened)


async def note_processing(session: AsyncSession, fact: PaymentProcessing) -> None:
    """The buyer's bank takes its time: the order does not expire meanwhile, and this attempt counts."""
    order = await locked(session, fact.order_id)
    _keep(session, order, order.attempt_of(fact.attempt).move(AttemptState.PROCESSING, fact.payment_id))


async def note_failed(session: AsyncSession, fact: PaymentFailed) -> None:
    """A try failed; the order stays payable until it expires."""
    order = await locked(session, fact.order_id)
    attempt = order.attempt_of(fact.attempt)
    if fact.final:
        _keep(session, order, attempt.move(AttemptState.FAILED, fact.payment_id))
    else:
        _keep(session, order, attempt.decline(fact.payment_id))


async def note_cancelled(session: AsyncSession, fact: PaymentCancelled) -> None:
    """No money is expected of this attempt: an order that was closing has ended, unless another attempt is alive."""
    order = await locked(session, fact.order_id)
    _keep(session, order, order.attempt_of(fact.attempt).move(AttemptState.CANCELLED, fact.payment_id))


def _keep(session: AsyncSession, order: Order, attempt: Attempt) -> None:
    before = (order.attempt, order.payment_state == AttemptState.PROCESSING)
    order.keep_attempt(attempt)
    after = (order.attempt, order.payment_state == AttemptState.PROCESSING)
    if order.status == Status.CLOSING:
        _go_on_closing(session, order, before, after)
    elif order.status == Status.AWAITING_PAYMENT and before != after:
        order.wait_for_money(now() + BANKS_PATIENCE if after[1] else order.expires_at)


def _go_on_closing(session: AsyncSession, order: Order, before: tuple[int, bool], after: tuple[int, bool]) -> None:
    if order.closed:
        end_unpaid(session, order)
        return
    if before[0] != after[0]:
        tell(session, order.note(), closing(order))
    if before[1] != after[1]:
        order.wait_for_money(now() + (BANKS_PATIENCE if after[1] else CLOSES_WITHIN))
