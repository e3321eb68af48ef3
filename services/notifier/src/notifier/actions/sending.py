"""Accounting for the sending of mails: starting a try, writing what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.notifier import EmailRejected, EmailSent
from common.db import now
from common.events import Event, Trace
from common.loops import claim
from common.outbox import emit
from common.telemetry import current_trace, tracing
from notifier.domain import Outcome, Patience
from notifier.models import Notification, NotificationTransition, Recipient

log = structlog.get_logger(__name__)
_LATE: Final = frozenset({"queued", "unknown"})


async def begin_next(session: AsyncSession, *, lease: timedelta, domain: str) -> tuple[Notification, Recipient] | None:
    """Take the next mail that is due, with its reader as known now; None when nothing is due.

    A mail found in the middle of a try was left there by a worker that died: its outcome is unknown.
    """
    for row in await claim(session, Notification, lease=lease, limit=1):
        if row.status == "sending":
            session.add(row.lose("the worker died"))
            log.error("outcome of a mail unknown", id=str(row.id), resend=not row.exhausted)
        if row.exhausted:
            return await begin_next(session, lease=lease, domain=domain)
        session.add(row.begin(domain))
        return row, await session.get_one(Recipient, row.user_id)
    return None


def write_outcome(session: AsyncSession, row: Notification, outcome: Outcome, patience: Patience) -> None:
    """Write what came of a try; the caller holds the lease that made it."""
    match outcome.verdict:
        case "accepted":
            _settle_sent(session, row, outcome)
        case "refused":
            _settle_rejected(session, row, outcome)
        case "deferred" if patience.over(now() - row.created_at):
            _settle_rejected(session, row, outcome)
        case "deferred":
            session.add(row.postpone(outcome, now() + patience.wait(row.attempts)))
        case "away":
            session.add(row.postpone(outcome, now() + patience.wait_for_server()))
        case "ambiguous":
            session.add(row.lose(outcome.note, now() + patience.wait(row.attempts)))
            log.error("outcome of a mail unknown", id=str(row.id), resend=not row.exhausted)


async def write_late_outcome(session: AsyncSession, id_: UUID, outcome: Outcome) -> None:
    """File what a worker learned after it had lost its lease: the mail was sent, unless somebody is at it again."""
    row = await session.get_one(Notification, id_, with_for_update=True)
    if outcome.verdict == "accepted" and row.status in _LATE:
        _settle_sent(session, row, outcome)


@contextmanager
def belonging_to(row: Notification) -> Iterator[None]:
    """Do something under the trace of what a mail tells of."""
    traceparent = current_trace().traceparent or row.traceparent
    with tracing(Trace(row.correlation_id, row.causation_id, traceparent=traceparent)):
        yield


def _settle_sent(session: AsyncSession, row: Notification, outcome: Outcome) -> None:
    fact = EmailSent(notification_id=row.id, user_id=row.user_id, template=row.template)
    _tell(session, row, row.settle("sent", outcome), fact)


def _settle_rejected(session: AsyncSession, row: Notification, outcome: Outcome) -> None:
    fact = EmailRejected(notification_id=row.id, user_id=row.user_id, template=row.template, code=outcome.code)
    _tell(session, row, row.settle("rejected", outcome), fact)
    log.warning("mail rejected", id=str(row.id), code=outcome.code)


def _tell(session: AsyncSession, row: Notification, transition: NotificationTransition, fact: Event) -> None:
    with belonging_to(row):
        transition.event_id, transition.event_type = emit(session, fact), fact.wire
    session.add(transition)
