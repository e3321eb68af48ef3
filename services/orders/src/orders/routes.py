"""The HTTP door of orders."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from common.auth import CurrentUser, Principal, require
from common.db import Database
from common.events import new_id
from common.http import Once, PageOf, Reading, Tx, Wait, once, router
from common.http.deps import Db
from common.http.fields import Id
from common.http.prefer import WaitingRoom
from common.sealed import Opener
from orders.actions.ending import ship_order
from orders.actions.moving import topic
from orders.actions.placing import Wish, place_order
from orders.actions.products import PRODUCTS
from orders.domain import Status
from orders.errors import ProductNotReady, ProviderNotConfigured
from orders.models import Order
from orders.queries import get_order, list_orders, list_products
from orders.schemas import OrderOut, OrdersPage, PlaceOrder, Ship
from orders.settings import OrdersSettings

routes = router(tags=["orders"])
_STAFF = ("admin", "support")
_PRODUCT_WAIT = 1.0


class Desk:
    """What a request meets at the orders desk: who asks, the service's settings, the key that opens secrets."""

    def __init__(self, request: Request, database: Database, user: Principal) -> None:
        self.settings: OrdersSettings = request.app.state.settings
        self.room: WaitingRoom = request.app.state.waiting_room
        self.opener: Opener = request.app.state.opener
        self.database, self.user = database, user

    @property
    def owner(self) -> UUID | None:
        """Whose orders may be seen: the user's own, or everybody's for staff."""
        return None if self.user.has(*_STAFF) else self.user.id

    def show(self, order: Order) -> OrderOut:
        """Return the order as this user may see it."""
        sealed = order.client_secret if order.user_id == self.user.id else None
        return OrderOut.of(order, self.opener.open(sealed) if sealed else None)

    async def look(self, order_id: UUID) -> Order:
        """Return the order as it stands."""
        async with self.database.reading() as session:
            return await get_order(session, order_id)

    async def until_known(self, product_ids: set[UUID]) -> bool:
        """Wait a moment for products that catalog may be telling of just now."""

        async def known() -> bool:
            async with self.database.reading() as session:
                return len(await list_products(session, product_ids)) == len(product_ids)

        return await self.room.until(PRODUCTS, _PRODUCT_WAIT, known, bool)

    async def until_payable(self, order: Order, wait: int) -> Order:
        """Wait until the payment is open or the order can no longer get one, or the time is up."""
        if not wait or _settled(order):
            return order
        return await self.room.until(topic(order.id), wait, partial(self.look, order.id), _settled)


async def _desk(request: Request, database: Db, user: CurrentUser) -> Desk:
    return Desk(request, database, user)


OrderDesk = Annotated[Desk, Depends(_desk)]


def _settled(order: Order) -> bool:
    return order.status not in {Status.PENDING, Status.AWAITING_PAYMENT} or order.payment_id is not None


@routes.post("/orders", status_code=201, summary="Place an order")
async def place(
    body: PlaceOrder,
    key: Annotated[Once, once(required=True)],
    desk: OrderDesk,
    wait: Wait,
    response: Response,
) -> OrderOut:
    """Price the items, write the order, and wait (`Prefer: wait=N`) until it can be paid."""
    if not desk.settings.offers(body.payment.provider, body.payment.flow):
        raise ProviderNotConfigured(provider=body.payment.provider, flow=body.payment.flow)
    wish = _wish(body, desk)
    try:
        order = await _commit(desk, key, wish)
    except ProductNotReady:
        if not await desk.until_known(set(wish.items)):
            raise
        order = await _commit(desk, key, wish)
    if order.id != wish.order_id:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = f"/api/v1/orders/{order.id}"
    return desk.show(await desk.until_payable(order, wait))


async def _commit(desk: Desk, key: Once, wish: Wish) -> Order:
    async with desk.database.transaction() as session:
        if first := await key.claim(session, wish.order_id):
            return await get_order(session, first)
        return await place_order(session, wish)


def _wish(body: PlaceOrder, desk: Desk) -> Wish:
    return Wish(
        order_id=new_id(),
        user_id=desk.user.id,
        items=body.quantities(),
        provider=body.payment.provider,
        flow=body.payment.flow,
        expires_after=desk.settings.expires_after,
        max_open_orders=desk.settings.max_open_orders,
        expected_total=body.expected_total.money() if body.expected_total else None,
        metadata=body.metadata,
    )


@routes.get("/orders", summary="List orders")
async def browse(page: Annotated[OrdersPage, Query()], session: Reading, desk: OrderDesk) -> PageOf[OrderOut]:
    """The caller's own orders, newest first; all of them for staff."""
    scope = f"orders:{desk.owner}"
    after = page.after(scope)
    rows = await list_orders(session, owner=desk.owner, status=page.status, after=after, limit=page.limit + 1)
    return page.page(rows, scope, desk.show, lambda order: order.id)


@routes.get("/orders/{order_id}", summary="Show an order")
async def show(order_id: Id, session: Reading, desk: OrderDesk) -> OrderOut:
    """An order as it stands, for its buyer and for staff."""
    return desk.show(await get_order(session, order_id, desk.owner))


@routes.post("/orders/{order_id}/ship", summary="Ship the physical lines", dependencies=[require("admin")])
async def ship(order_id: Id, body: Ship, key: Annotated[Once, once()], session: Tx, desk: OrderDesk) -> OrderOut:
    """An operator has sent the parcel: the physical lines are delivered."""
    await key.claim(session)
    await get_order(session, order_id)
    return desk.show(await ship_order(session, order_id, body.tracking))
