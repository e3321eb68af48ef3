"""One payment of an order at a time: how one ends without money, and what becomes of the one that waits for it.

A payment that another one waits for is always being closed, so that `closing` tells whether to look for any. Rows are
locked in the order of their attempts: the one that ends is held by its caller, those that wait are later ones.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from common.db import wake_after_commit
from payments.actions.telling import tell_cancelled, tell_failed
from payments.domain import Status
from payments.models import Payment
from payments.queries import list_waiting_locked

SUPERSEDED: Final = "superseded"
PREVIOUS_ATTEMPT_LIVE: Final = "previous_attempt_live"


async def cancel(session: AsyncSession, payment: Payment, reason: str) -> None:
    """Nothing can come of it."""
    waited_for = payment.closing
    tell_cancelled(session, payment, payment.move(Status.CANCELLED, "cancelled"), reason)
    if waited_for:
        await let_successors_begin(session, payment)


async def supersede(session: AsyncSession, payment: Payment) -> None:
    """Nothing has come of it, and the provider cannot close it: it is no longer asked for, and still watched."""
    reason = payment.closing or SUPERSEDED
    tell_cancelled(session, payment, payment.move(Status.SUPERSEDED, "superseded"), reason)
    payment.be_watched()
    await let_successors_begin(session, payment)


async def refuse(session: AsyncSession, payment: Payment, reason: str) -> None:
    """The provider will not open it."""
    waited_for = payment.closing
    payment.last_error = reason
    tell_failed(session, payment, payment.move(Status.FAILED, "failed"), reason)
    if waited_for:
        await let_successors_begin(session, payment)


async def let_successors_begin(session: AsyncSession, payment: Payment) -> None:
    """The payment has ended unpaid: who waits for it begins, or ends as it was asked to meanwhile."""
    await session.flush()  # the index lets the next one in once this one has left
    for later in await list_waiting_locked(session, payment):
        if asked := later.closing:
            tell_cancelled(session, later, later.move(Status.CANCELLED, "cancelled"), asked)
        else:
            later.release()
            wake_after_commit(session, "open payments")


async def end_successors(session: AsyncSession, payment: Payment) -> None:
    """The payment's money moves: it stays the order's, to be closed only if the order itself is to end."""
    asked = None
    for later in await list_waiting_locked(session, payment):
        asked = later.closing or asked
        tell_cancelled(session, later, later.move(Status.CANCELLED, "cancelled"), PREVIOUS_ATTEMPT_LIVE)
    if payment.closing == SUPERSEDED:
        payment.closing = asked
