"""Somebody says that a payment was made: nothing is believed, the provider is asked at once."""

from sqlalchemy.ext.asyncio import AsyncSession

from common.db import wake_after_commit
from payments.domain import ASKABLE
from payments.models import Payment
from payments.queries import find_payment_locked


async def look_now(session: AsyncSession, payment: Payment) -> bool:
    """Have the provider asked about a payment as soon as this is committed; False where no money can come of it.

    Who waits for what it says waits for `telling.topic(payment)`, while `payment.is_looked_for` holds.
    """
    if payment.status in ASKABLE and payment.will_be_asked:
        return True
    found = await find_payment_locked(session, payment.id)
    if found is None or found.provider_ref is None or found.status not in ASKABLE:
        return False
    if not found.will_be_asked:
        found.look()
    # Also for who found it looked for: a worker passes over what is locked, as it was until now.
    wake_after_commit(session, "close payments" if found.closing else "poll payments")
    return True
