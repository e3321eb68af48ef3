"""What a request meets that comes back from a provider: the adapters, and the wait for the provider's word."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Request

from common.db import Database
from common.http.deps import Db
from common.http.prefer import WaitingRoom
from payments.actions.looking import look_now
from payments.actions.telling import topic
from payments.domain import LIVE, Status
from payments.models import Payment
from payments.providers import Provider
from payments.queries import get_payment
from payments.settings import PaymentsSettings

_FINAL: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.MISMATCHED})


class Desk:
    """Nothing that is said here is believed: the provider is asked, and its word is waited for."""

    def __init__(self, request: Request, database: Database) -> None:
        self.providers: Mapping[str, Provider] = request.app.state.providers
        self.settings: PaymentsSettings = request.app.state.settings
        self._room: WaitingRoom = request.app.state.waiting_room
        self.database = database

    async def ask(self, payment: Payment, seconds: float, done: Callable[[Payment], bool]) -> Payment:
        """Have the provider asked, and return the payment once it is `done`, or as it stands when the time is up."""
        async with self.database.transaction() as session:
            asked = await look_now(session, payment)
        look = partial(self._look, payment.id)
        return await self._room.until(topic(payment), seconds if asked else 0, look, done)

    async def _look(self, payment_id: UUID) -> Payment:
        async with self.database.reading() as session:
            return await get_payment(session, payment_id, None)


async def _desk(request: Request, database: Db) -> Desk:
    return Desk(request, database)


AskingDesk = Annotated[Desk, Depends(_desk)]


def is_settled(payment: Payment) -> bool:
    """Say whether it has ended, and the provider has said whether anything came since."""
    return payment.status in _FINAL or (payment.status not in LIVE and not payment.is_looked_for)


def is_told(payment: Payment) -> bool:
    """Say whether it has ended, or the provider has answered."""
    return is_settled(payment) or not payment.is_looked_for
