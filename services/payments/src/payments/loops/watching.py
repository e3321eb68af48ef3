"""Looking at open payments, in case no webhook comes, and closing those whose order ends."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import now
from common.faults import faultpoint
from common.loops import LeaseLost, claim, under_lease
from payments.actions import calling
from payments.domain import ASKABLE, AT_PROVIDER, Patience, ProviderFact, Status
from payments.errors import Refused, UnknownOutcome
from payments.loops.world import Unknown, World, all_of, ask
from payments.models import Payment
from payments.providers import Provider

Facts = Sequence[ProviderFact]
Call = Callable[[Provider, str], Awaitable[Facts]]
Record = Callable[[AsyncSession, Payment, Facts, Patience], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Errand:
    """What a provider is asked, and how its answer is written."""

    name: str
    call: Call
    record: Record


async def _fetch(provider: Provider, ref: str) -> Facts:
    return await provider.fetch(ref)


async def _close(provider: Provider, ref: str) -> Facts:
    return await provider.close(ref)


_POLL: Final = _Errand("poll payment", _fetch, calling.record_polled)
_CLOSE: Final = _Errand("close payment", _close, calling.record_closed)
_CLOSABLE: Final = AT_PROVIDER | {Status.MISMATCHED}


async def poll_open_payments(world: World) -> int:
    """Ask for payments that have been quiet for a while, or that somebody says were paid."""
    due = (Payment.status.in_(ASKABLE), Payment.closing.is_(None))
    return await _ask_about(world, due, _POLL)


async def close_closing_payments(world: World) -> int:
    """Close payments at the provider, and tell what came of it."""
    due = (Payment.status.in_(_CLOSABLE), Payment.closing.is_not(None))
    return await _ask_about(world, due, _CLOSE)


async def _ask_about(world: World, due: Sequence[ColumnElement[bool]], errand: _Errand) -> int:
    known = Payment.provider.in_(world.providers)
    async with world.database.transaction() as session:
        rows = await claim(session, Payment, known, *due, lease=world.patience.lease)
    await faultpoint("loop.claimed")
    await all_of(errand.name, partial(_ask, world, errand), rows)
    return len(rows)


async def _ask(world: World, errand: _Errand, payment: Payment) -> None:
    answer = await ask(world, payment, partial(_checked, world, errand.call, payment))
    try:
        async with world.database.transaction() as session:
            row = await under_lease(session, payment)
            if isinstance(answer, (Refused, Unknown)):
                error = answer.error if isinstance(answer, Unknown) else str(answer)
                row.again(now() + world.patience.retry(row.attempts), error[:500])
            else:
                await errand.record(session, row, answer, world.patience)
    except LeaseLost:
        if not isinstance(answer, (Refused, Unknown)):
            async with world.database.transaction() as session:
                await calling.file_facts(session, payment.id, answer)
        return
    await faultpoint("loop.written")


async def _checked(world: World, call: Call, payment: Payment) -> Facts:
    facts = await call(world.providers[payment.provider], payment.provider_ref or "")
    if not facts or not all(payment.is_meant_by(fact) for fact in facts):
        raise UnknownOutcome("the answer is about another payment")
    return facts
