"""What a request meets at the orders desk."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from common.auth import CurrentUser, Principal
from common.db import Database
from common.http import Once
from common.http.deps import Db
from common.http.prefer import WaitingRoom
from common.sealed import Opener
from orders.actions.moving import topic
from orders.actions.products import PRODUCTS
from orders.errors import ProviderNotConfigured
from orders.models import Order
from orders.queries import get_order, list_products
from orders.schemas import OrderOut, PaymentIn
from orders.settings import OrdersSettings

_STAFF = ("admin", "support")


class Desk:
    """What a request meets at the orders desk: who asks, the answer's headers, the settings, the key to secrets."""

    def __init__(self, request: Request, response: Response, database: Database, user: Principal) -> None:
        self.settings: OrdersSettings = request.app.state.settings
        self.room: WaitingRoom = request.app.state.waiting_room
        self.opener: Opener = request.app.state.opener
        self.response, self.database, self.user = response, database, user

    @property
    def owner(self) -> UUID | None:
        """Whose orders may be seen: the user's own, or everybody's for staff."""
        return None if self.user.has(*_STAFF) else self.user.id

    def show(self, order: Order) -> OrderOut:
        """Return the order as this user may see it."""
        return OrderOut.of(order, self.opener if order.user_id == self.user.id else None)

    def offers(self, way: PaymentIn) -> None:
        """Raise ProviderNotConfigured for a way to pay that is not on offer."""
        if not self.settings.offers(way.provider, way.flow):
            raise ProviderNotConfigured(provider=way.provider, flow=way.flow)

    async def look(self, order_id: UUID) -> Order:
        """Return the order as it stands."""
        async with self.database.reading() as session:
            return await get_order(session, order_id)

    async def until_known(self, product_ids: set[UUID], seconds: float) -> bool:
        """Wait a moment for products that catalog may be telling of just now."""

        async def known() -> bool:
            async with self.database.reading() as session:
                return len(await list_products(session, product_ids)) == len(product_ids)

        return await self.room.until(PRODUCTS, seconds, known, bool)

    async def once(self, key: Once, order_id: UUID, act: Callable[[AsyncSession], Awaitable[Order]]) -> Order:
        """Act under the request's key and commit; a replay finds the order of the first request."""
        async with self.database.transaction() as session:
            if first := await key.claim(session, order_id):
                self.response.headers["Idempotent-Replayed"] = "true"
                return await get_order(session, first)
            return await act(session)

    async def until(self, order: Order, wait: int, done: Callable[[Order], bool]) -> Order:
        """Return the order as soon as it is `done`, or as it stands when the time is up."""
        if not wait or done(order):
            return order
        return await self.room.until(topic(order.id), wait, partial(self.look, order.id), done)


async def _desk(request: Request, response: Response, database: Db, user: CurrentUser) -> Desk:
    return Desk(request, response, database, user)


OrderDesk = Annotated[Desk, Depends(_desk)]
