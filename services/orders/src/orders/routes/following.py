"""An order followed live: an event for how it stands, and one for each change, until it has ended."""

from functools import partial
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from fastapi import Response

from common.errors import raises
from common.http import router
from common.http.fields import Id
from common.http.streams import EventStream, Listen, Standing
from orders.actions.moving import topic
from orders.domain import ENDED_ORDERS
from orders.errors import OrderNotFound
from orders.models import Order
from orders.queries import get_order
from orders.routes.desk import Desk, OrderDesk

following = router(tags=["orders"])
_NOTHING_MORE: Final = 204
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events of the name `order`; their `data` is the order as `GET /orders/{order_id}` shows it.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    _NOTHING_MORE: {"description": "You have seen the end of it: do not come again."},
}


@following.get(
    "/orders/{order_id}/events",
    summary="Follow an order live",
    response_class=EventStream,
    responses=_STREAM,
)
@raises(OrderNotFound)
async def follow(order_id: Id, desk: OrderDesk, listening: Listen) -> Response:
    """How the order stands, and again after each change, until it has ended; nothing is held in between.

    Beside it a comment every fifteen seconds says that somebody is still there. It may end before the order does, when
    the access token expires or the process stops: ask again with `Last-Event-ID`.
    """
    found = await _look(desk, order_id)
    if found.last and found.id == listening.seen:
        return Response(status_code=_NOTHING_MORE)
    return listening.stream("order", topic(order_id), partial(_look, desk, order_id))


async def _look(desk: Desk, order_id: UUID) -> Standing:
    async with desk.database.reading() as session:
        order = await get_order(session, order_id, desk.owner)
    return _standing(desk, order)


def _standing(desk: Desk, order: Order) -> Standing:
    shown = desk.show(order).model_dump_json()
    # Not every change is a step with a version of its own, such as a payment that is open now.
    id_ = f"{order.version}-{blake2b(shown.encode(), digest_size=6).hexdigest()}"
    return Standing(id_, shown, order.status in ENDED_ORDERS)
