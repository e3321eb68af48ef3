"""Opening payments at the provider: request and key are stored, then the very same call is made until it tells."""

from functools import partial

from common.faults import faultpoint
from common.loops import LeaseLost, claim, under_lease
from payments.actions import calling
from payments.domain import UNOPENED
from payments.errors import Refused, UnknownOutcome
from payments.loops.world import Unknown, World, all_of, ask, forgotten, should_look
from payments.models import Payment
from payments.providers import Opened, Provider


async def open_waiting_payments(world: World) -> int:
    """Open what is intended, and find out what came of calls that told nothing."""
    async with world.database.transaction() as session:
        rows = await claim(session, Payment, Payment.status.in_(UNOPENED), lease=world.patience.lease)
        ready = [row for row in rows if await calling.prepare_payment(session, row, world.providers)]
    await faultpoint("loop.claimed")
    await all_of(partial(_open, world), ready)
    return len(rows)


async def _open(world: World, payment: Payment) -> None:
    answer = await ask(world, payment, partial(_call, world, payment))
    secret = answer.client_secret if isinstance(answer, Opened) else None
    sealed = world.sealer.seal(secret, "orders") if secret else None
    try:
        async with world.database.transaction() as session:
            row = await under_lease(session, payment)
            if isinstance(answer, Opened):
                await calling.record_opened(session, row, answer, sealed, world.patience.next_poll(0))
            elif isinstance(answer, Refused):
                calling.record_refused(session, row, answer.reason)
            elif isinstance(answer, Unknown):
                calling.record_unknown(session, row, answer.error, world.patience.retry(row.attempts))
            else:
                calling.record_never_opened(session, row)
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
    if not opened.facts or any(fact.subject != payment.id for fact in opened.facts):
        raise UnknownOutcome("the answer is about another payment")
    return opened
