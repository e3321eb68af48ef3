"""Giving money back: sent until the provider tells what came of it, then looked at until it has arrived."""

from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from common.db import now
from common.faults import faultpoint
from common.loops import LeaseLost, claim, under_lease
from payments.actions import calling
from payments.actions.facts import apply_provider_fact
from payments.domain import ProviderFact, RefundStatus
from payments.errors import Refused, UnknownOutcome
from payments.loops.world import Unknown, World, all_of, ask, forgotten, should_look
from payments.models import Refund

_UNSENT = (RefundStatus.INTENDED, RefundStatus.UNKNOWN)


async def send_waiting_refunds(world: World) -> int:
    """Send what is intended, and find out what came of calls that told nothing."""
    async with world.database.transaction() as session:
        rows = await claim(session, Refund, Refund.status.in_(_UNSENT), lease=world.patience.lease)
        ready = [row for row in rows if calling.prepare_refund(row, world.providers)]
    await faultpoint("loop.claimed")
    await all_of("send refund", partial(_send, world), ready)
    return len(rows)


async def poll_pending_refunds(world: World) -> int:
    """Ask for refunds that are on their way."""
    known = Refund.provider.in_(world.providers)
    async with world.database.transaction() as session:
        rows = await claim(session, Refund, known, Refund.status == RefundStatus.PENDING, lease=world.patience.lease)
    await faultpoint("loop.claimed")
    await all_of("poll refund", partial(_poll, world), rows)
    return len(rows)


async def _send(world: World, refund: Refund) -> None:
    await _write(world, refund, await ask(world, refund, partial(_call, world, refund)))


async def _poll(world: World, refund: Refund) -> None:
    await _write(world, refund, await ask(world, refund, partial(_fetch, world, refund)))


async def _write(world: World, refund: Refund, answer: ProviderFact | Refused | Unknown | None) -> None:
    try:
        async with world.database.transaction() as session:
            row = await under_lease(session, refund)
            if isinstance(answer, ProviderFact):
                await calling.record_refund(session, row, answer, world.patience)
            elif isinstance(answer, Refused):
                await _refuse(world, row, answer, session)
            elif isinstance(answer, Unknown):
                calling.record_unknown(session, row, answer.error, world.patience.retry(row.attempts))
            else:
                calling.record_never_refunded(row)
    except LeaseLost:
        if isinstance(answer, ProviderFact):
            async with world.database.transaction() as session:
                await apply_provider_fact(session, answer)
        return
    await faultpoint("loop.written")


async def _refuse(world: World, refund: Refund, refused: Refused, session: AsyncSession) -> None:
    # Refusing to make a refund ends it; refusing to show one that was made says nothing about it.
    if refund.status in _UNSENT:
        await calling.record_refund_refused(session, refund, refused.reason)
    else:
        refund.again(now() + world.patience.retry(refund.attempts), str(refused))


async def _call(world: World, refund: Refund) -> ProviderFact | None:
    """Return the refund's state, or None when there is none and its key is forgotten."""
    provider = world.providers[refund.provider]
    if should_look(world, refund):
        found = await provider.find_refund(refund.id, refund.capture_ref)
        if found or forgotten(world, refund.called_at):
            return found
    assert refund.request is not None
    assert refund.idempotency_key is not None
    return _checked(await provider.refund(refund.request, refund.idempotency_key), refund)


async def _fetch(world: World, refund: Refund) -> ProviderFact:
    return _checked(await world.providers[refund.provider].fetch_refund(refund.provider_ref or ""), refund)


def _checked(fact: ProviderFact, refund: Refund) -> ProviderFact:
    # A refund that somebody made at the provider bears no name of ours.
    if fact.subject != refund.id and (fact.subject is not None or fact.object_ref != refund.provider_ref):
        raise UnknownOutcome("the answer is about another refund")
    return fact
