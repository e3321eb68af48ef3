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
    """What order routes need from the service: its settings, its waiting room, and the key that opens secrets."""

    def __init__(self, request: Request, database: Db) -> None:
        self.settings: OrdersSettings = request.app.state.settings
        self.room: WaitingRoom = request.app.state.waiting_room
        self.opener: Opener = request.app.state.opener
        self.database: Database = database

    def show(self, order: Order, user: Principal) -> OrderOut:
        """Return the order as this user may see it."""
        sealed = order.client_secret if order.user_id == user.id else None
        return OrderOut.of(order, self.opener.open(sealed) if sealed else None)

    async def look(self, order_id: UUID) -> Order:
        """Return the order as it stands."""
        async with self.database.reading() as session:
            return await get_order(session, order_id)

    async def until_payable(self, order_id: UUID, seconds: float) -> Order:
        """Wait until the payment is open or the order can no longer get one, or the time is up."""
        return await self.room.until(topic(order_id), seconds, partial(self.look, order_id), _settled)

    async def until_known(self, product_ids: set[UUID]) -> bool:
        """Wait a moment for products that catalog may be telling of just now."""

        async def known() -> bool:
            async with self.database.reading() as session:
                return len(await list_products(session, product_ids)) == len(product_ids)

        return await self.room.until(PRODUCTS, _PRODUCT_WAIT, known, bool)


OrderDesk = Annotated[Desk, Depends(Desk)]


def _settled(order: Order) -> bool:
    return order.status not in {Status.PENDING, Status.AWAITING_PAYMENT} or order.payment_id is not None


@routes.post("/orders", status_code=201, summary="Place an order")
async def place(
    body: PlaceOrder,
    user: CurrentUser,
    key: Annotated[Once, once(required=True)],
    desk: OrderDesk,
    wait: Wait,
    response: Response,
) -> OrderOut:
    """Price the items, write the order, and wait (`Prefer: wait=N`) until it can be paid."""
    if not desk.settings.offers(body.payment.provider, body.payment.flow):
        raise ProviderNotConfigured(provider=body.payment.provider, flow=body.payment.flow)
    wish = _wish(body, user, desk.settings)
    try:
        order_id = await _commit(desk, key, wish)
    except ProductNotReady:
        if not await desk.until_known(set(wish.items)):
            raise
        order_id = await _commit(desk, key, wish)
    if order_id != wish.order_id:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = f"/api/v1/orders/{order_id}"
    return desk.show(await desk.until_payable(order_id, wait), user)


async def _commit(desk: Desk, key: Once, wish: Wish) -> UUID:
    async with desk.database.transaction() as session:
        if first := await key.claim(session, wish.order_id):
            return first
        await place_order(session, wish)
    return wish.order_id


def _wish(body: PlaceOrder, user: Principal, settings: OrdersSettings) -> Wish:
    return Wish(
        order_id=new_id(),
        user_id=user.id,
        items=body.quantities(),
        provider=body.payment.provider,
        flow=body.payment.flow,
        expires_after=settings.expires_after,
        max_open_orders=settings.max_open_orders,
        expected_total=body.expected_total.money() if body.expected_total else None,
        metadata=body.metadata,
    )


@routes.get("/orders", summary="List orders")
async def browse(
    page: Annotated[OrdersPage, Query()], user: CurrentUser, session: Reading, desk: OrderDesk
) -> PageOf[OrderOut]:
    """The caller's own orders, newest first; all of them for staff."""
    owner = None if user.has(*_STAFF) else user.id
    scope = f"orders:{owner}"
    rows = await list_orders(session, owner=owner, status=page.status, after=page.after(scope), limit=page.limit + 1)
    return page.page(rows, scope, lambda order: desk.show(order, user), lambda order: order.id)


@routes.get("/orders/{order_id}", summary="Show an order")
async def show(order_id: Id, user: CurrentUser, session: Reading, desk: OrderDesk) -> OrderOut:
    """An order as it stands, for its buyer and for staff."""
    owner = None if user.has(*_STAFF) else user.id
    return desk.show(await get_order(session, order_id, owner), user)


@routes.post("/orders/{order_id}/ship", summary="Ship the physical lines")
async def ship(
    order_id: Id,
    body: Ship,
    user: Annotated[Principal, require("admin")],
    key: Annotated[Once, once()],
    session: Tx,
    desk: OrderDesk,
) -> OrderOut:
    """An operator has sent the parcel: the physical lines are delivered."""
    await key.claim(session)
    await get_order(session, order_id)
    return desk.show(await ship_order(session, order_id, body.tracking), user)
