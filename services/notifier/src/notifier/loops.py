"""The time door: mails that are due go out, one lease, one call and one outcome each, several over one connection."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from common.db import Database
from common.faults import faultpoint
from common.loops import LeaseLost, Loop, under_lease
from common.telemetry import SpanKind, span
from notifier.actions.queueing import MAIL_LOOP
from notifier.actions.sending import begin_next, belonging_to, write_late_outcome, write_outcome
from notifier.domain import Outcome, Patience
from notifier.letters import Letters, Unaddressable
from notifier.mailer import Line, MailServer, line
from notifier.meters import Meters
from notifier.models import Notification, Recipient
from notifier.queries import count_waiting

T = TypeVar("T")
log = structlog.get_logger(__name__)
_ROUND: Final = 50
_LOOK_EVERY: Final = 15.0  # seconds
_MAILBOX_NAME_NOT_ALLOWED: Final = 553  # RFC 5321, 4.2.3


@dataclass(frozen=True, slots=True)
class PostOffice:
    """What the sending of mail needs; the lease outlives the server's time limit."""

    database: Database
    letters: Letters
    server: MailServer
    patience: Patience
    meters: Meters

    @property
    def lease(self) -> timedelta:
        """For how long a mail is held."""
        return timedelta(seconds=self.server.limit * 1.5 + 2)


def notifier_loops(office: PostOffice, every: float) -> list[Loop]:
    """Return the notifier's loops."""

    async def send_waiting_mail() -> int:
        return await send_due_mail(office)

    return [Loop(MAIL_LOOP, send_waiting_mail, every), Loop("mail gauges", partial(measure, office), _LOOK_EVERY)]


async def measure(office: PostOffice) -> int:
    """Set the gauges to what the database says; there is never more to do."""
    async with office.database.reading() as session:
        waiting = await count_waiting(session)
    office.meters.waiting.set(waiting.mails)
    office.meters.oldest.set(waiting.oldest)
    return 0


async def send_due_mail(office: PostOffice) -> int:
    """Send what is due over one connection; return how many, or 0 when the server is away and a pause is due."""
    async with line(office.server) as open_line:
        for count in range(_ROUND):
            outcome = await _carried_through(_send_next(office, open_line))
            if outcome is None:
                return count
            if outcome.verdict == "away":
                log.warning("mail server away", note=outcome.note)
                return 0
    return _ROUND


async def _send_next(office: PostOffice, open_line: Line) -> Outcome | None:
    async with office.database.transaction() as session:
        held = await begin_next(session, lease=office.lease, domain=office.letters.domain)
    if held is None:
        return None
    await faultpoint("loop.claimed")
    row, recipient = held
    with belonging_to(row), span("notifier", "send mail", SpanKind.CLIENT, {"souk.template": row.template}):
        outcome = await _try(office, open_line, row, recipient)
        await _write(office, row, outcome)
    office.meters.outcomes.labels(outcome.verdict).inc()
    await faultpoint("loop.written")
    return outcome


async def _write(office: PostOffice, row: Notification, outcome: Outcome) -> None:
    try:
        async with office.database.transaction() as session:
            write_outcome(session, await under_lease(session, row), outcome, office.patience)
    except LeaseLost:
        log.warning("lease lost while sending", id=str(row.id), verdict=outcome.verdict)
        async with office.database.transaction() as session:
            await write_late_outcome(session, row.id, outcome)


async def _try(office: PostOffice, open_line: Line, row: Notification, recipient: Recipient) -> Outcome:
    try:
        letter = office.letters.write(row, recipient)
    except Unaddressable:
        return Outcome("refused", _MAILBOX_NAME_NOT_ALLOWED, "no address")
    except Exception as error:  # noqa: BLE001 - a fault of ours must not hold up other mails
        # Without the traceback, which would show the reader's name and address.
        log.error(  # noqa: TRY400 - see above
            "mail cannot be written", id=str(row.id), template=row.template, error=type(error).__name__
        )
        return Outcome("deferred", 0, f"cannot be written: {type(error).__name__}")
    return await open_line.send(letter)


async def _carried_through(work: Coroutine[Any, Any, T]) -> T:
    # A stop waits for the mail in hand: cut off, nobody would know what came of it.
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
