"""Orders: placed, paid again, called off, shipped, given back, and shown."""

from functools import partial
from typing import Annotated

from fastapi import Query

from common.auth import require
from common.errors import raises
from common.events import new_id
from common.http import Once, PageOf, Reading, Tx, Wait, once, router
from common.http.fields import Id
from orders.actions.ending import cancel_order, ship_order
from orders.actions.paying import pay_again
from orders.actions.placing import Wish, place_order
from orders.actions.refunding import refund_order
from orders.domain import AttemptState, Status
from orders.errors import (
    AmountNotChargeable,
    CurrencyNotOffered,
    MixedCurrencies,
    NothingToRefund,
    NothingToShip,
    OrderMovedOn,
    OrderNotFound,
    OrderNotPayable,
    PaymentBeingOpened,
    PaymentInProgress,
    PriceChanged,
    ProductNotForSale,
    ProductNotReady,
    ProviderNotConfigured,
    QuantityOutOfRange,
    RefundInProgress,
    TooManyOpenOrders,
    VariantRequired,
)
from orders.models import Order
from orders.queries import get_order, list_orders
from orders.routes.desk import Desk, OrderDesk
from orders.schemas import OrderOut, OrdersPage, PaymentIn, PlaceOrder, Refund, Ship

orders = router(tags=["orders"])
_PRODUCT_WAIT = 1.0


def _settled(order: Order) -> bool:
    """Say whether the payment is open, or nothing is to be waited for."""
    waits = order.payment_state in {None, AttemptState.INTENDED}
    return order.status not in {Status.PENDING, Status.AWAITING_PAYMENT} or not waits


@orders.post("/orders", status_code=201, summary="Place an order")
@raises(
    *(AmountNotChargeable, CurrencyNotOffered, MixedCurrencies, PriceChanged, ProductNotForSale, ProductNotReady),
    *(ProviderNotConfigured, QuantityOutOfRange, TooManyOpenOrders, VariantRequired),
)
async def place(
    body: PlaceOrder,
    key: Annotated[Once, once(required=True)],
    desk: OrderDesk,
    wait: Wait,
) -> OrderOut:
    """Price the items, write the order, and wait (`Prefer: wait=N`) until it can be paid."""
    desk.offers(body.payment)
    wish = _wish(body, desk)
    act = partial(place_order, wish=wish)
    try:
        order = await desk.once(key, wish.order_id, act)
    except ProductNotReady:
        if not await desk.until_known(wish.product_ids, min(wait, _PRODUCT_WAIT)):
            raise
        order = await desk.once(key, wish.order_id, act)
    desk.response.headers["Location"] = f"/api/v1/orders/{order.id}"
    return desk.show(await desk.until(order, wait, _settled))


@orders.post("/orders/{order_id}/pay", status_code=201, summary="Try to pay again, or by another way")
@raises(
    *(AmountNotChargeable, OrderNotFound, OrderNotPayable, PaymentBeingOpened, PaymentInProgress),
    ProviderNotConfigured,
)
async def pay(
    order_id: Id,
    body: PaymentIn,
    key: Annotated[Once, once(required=True)],
    desk: OrderDesk,
    wait: Wait,
) -> OrderOut:
    """Close the attempt before, open another, and wait (`Prefer: wait=N`) until that is open or will not be.

    Where the attempt before turns out to have been paid, or to be on its way, it stays the order's payment.
    """
    desk.offers(body)
    act = partial(pay_again, order_id=order_id, owner=desk.user.id, way=(body.provider, body.flow))
    order = await desk.once(key, order_id, act)
    asked = order.attempt
    return desk.show(await desk.until(order, wait, lambda order: _settled(order) or order.attempt != asked))


@orders.post("/orders/{order_id}/cancel", summary="Call an order off")
@raises(OrderNotFound, OrderMovedOn, PaymentInProgress)
async def cancel(order_id: Id, key: Annotated[Once, once()], desk: OrderDesk, wait: Wait) -> OrderOut:
    """End an unpaid order, and wait (`Prefer: wait=N`) until its payment is closed.

    It ends cancelled, unless the provider says that it was paid meanwhile.
    """
    within = desk.settings.closes_within / desk.settings.pace
    act = partial(cancel_order, order_id=order_id, owner=desk.user.id, close_within=within)
    order = await desk.once(key, order_id, act)
    return desk.show(await desk.until(order, wait, lambda order: order.status != Status.CLOSING))


@orders.post(
    "/orders/{order_id}/refunds",
    status_code=201,
    summary="Give an order's money back",
    dependencies=[require("support", "admin")],
)
@raises(OrderNotFound, OrderMovedOn, RefundInProgress, NothingToRefund)
async def refund(
    order_id: Id, body: Refund, key: Annotated[Once, once(required=True)], session: Tx, desk: OrderDesk
) -> OrderOut:
    """All the money that the order holds goes back to its buyer; its lines are taken back once it has."""
    await key.claim(session)
    return desk.show(await refund_order(session, order_id, body.reason))


def _wish(body: PlaceOrder, desk: Desk) -> Wish:
    return Wish(
        order_id=new_id(),
        user_id=desk.user.id,
        items=body.quantities(),
        provider=body.payment.provider,
        flow=body.payment.flow,
        expires_after=desk.settings.expires_after,
        max_open_orders=desk.settings.max_open_orders,
        currency=body.currency,
        expected_total=body.expected_total.money() if body.expected_total else None,
        metadata=body.metadata,
    )


@orders.get("/orders", summary="List orders")
async def browse(page: Annotated[OrdersPage, Query()], session: Reading, desk: OrderDesk) -> PageOf[OrderOut]:
    """The caller's own orders, newest first; all of them for staff."""
    scope = f"orders:{desk.owner}"
    after = page.after(scope)
    rows = await list_orders(session, owner=desk.owner, status=page.status, after=after, limit=page.limit + 1)
    return page.page(rows, scope, desk.show, lambda order: order.id)


@orders.get("/orders/{order_id}", summary="Show an order")
@raises(OrderNotFound)
async def show(order_id: Id, session: Reading, desk: OrderDesk) -> OrderOut:
    """An order as it stands, for its buyer and for staff."""
    return desk.show(await get_order(session, order_id, desk.owner))


@orders.post("/orders/{order_id}/ship", summary="Ship the physical lines", dependencies=[require("admin")])
@raises(OrderNotFound, OrderMovedOn, NothingToShip)
async def ship(order_id: Id, body: Ship, key: Annotated[Once, once()], session: Tx, desk: OrderDesk) -> OrderOut:
    """An operator has sent the parcel: the physical lines are delivered."""
    await key.claim(session)
    await get_order(session, order_id)
    return desk.show(await ship_order(session, order_id, body.tracking))
