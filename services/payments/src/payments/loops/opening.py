"""Opening payments at the provider: request and key are stored, then the very same call is made until it tells."""

from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from common.faults import faultpoint
from common.loops import LeaseLost, claim, under_lease
from payments.actions import calling
from payments.domain import UNOPENED, ProviderFact
from payments.errors import Refused, UnknownOutcome
from payments.loops.world import Unknown, World, all_of, ask, forgotten, should_look
from payments.models import Payment
from payments.providers import Opened, Provider


async def open_waiting_payments(world: World) -> int:
    """Open what is intended, and find out what came of calls that told nothing."""
    async with world.database.transaction() as session:
        rows = await claim(session, Payment, Payment.status.in_(UNOPENED), lease=world.patience.lease)
        ready = [row for row in rows if await _prepare(world, session, row)]
    await faultpoint("loop.claimed")
    await all_of("open payment", partial(_open, world), ready)
    return len(rows)


async def _prepare(world: World, session: AsyncSession, payment: Payment) -> bool:
    return await calling.prepare_payment(session, payment, world.providers, world.return_url)


async def _open(world: World, payment: Payment) -> None:
    answer = await ask(world, payment, partial(_call, world, payment))
    secret = answer.client_secret if isinstance(answer, Opened) else None
    sealed = world.sealer.seal(secret, "orders") if secret else None
    try:
        async with world.database.transaction() as session:
            row = await under_lease(session, payment)
            if isinstance(answer, Opened):
                await calling.record_opened(session, row, answer, sealed, world.patience)
            elif isinstance(answer, Refused):
                await calling.record_refused(session, row, answer.reason)
            elif isinstance(answer, Unknown):
                calling.record_unknown(session, row, answer.error, world.patience.retry(row.attempts))
            else:
                await calling.record_never_opened(session, row)
    except LeaseLost:
        return  # whoever has it now makes the same call and gets the same answer
    await faultpoint("loop.written")


async def _call(world: World, payment: Payment) -> Opened | None:
    """Return the opened payment, or None when there is none and its key is forgotten."""
    provider = world.providers[payment.provider]
    if should_look(world, payment) and payment.called_at is not None:
        found = await provider.find(payment.id, payment.called_at)
        if found or forgotten(world, payment.called_at):
            return found
    return _checked(await _create(provider, payment), payment)


async def _create(provider: Provider, payment: Payment) -> Opened:
    assert payment.request is not None
    assert payment.idempotency_key is not None
    return await provider.open(payment.request, payment.idempotency_key)


def _checked(opened: Opened, payment: Payment) -> Opened:
    if not opened.facts or not all(_is_about(fact, opened, payment) for fact in opened.facts):
        raise UnknownOutcome("the answer is about another payment")
    return opened


def _is_about(fact: ProviderFact, opened: Opened, payment: Payment) -> bool:
    return fact.subject == payment.id or (fact.subject is None and fact.object_ref == opened.ref)
