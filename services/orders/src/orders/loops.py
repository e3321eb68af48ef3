"""The time door of orders."""

from functools import partial

from common.db import Database
from common.loops import Loop
from orders.actions.ending import end_due_orders
from orders.settings import OrdersSettings


def orders_loops(database: Database, settings: OrdersSettings) -> list[Loop]:
    """Return what orders does by the clock."""
    return [Loop("expiry", partial(expire_due, database, settings), settings.tick(settings.expiry_poll))]


async def expire_due(database: Database, settings: OrdersSettings) -> int:
    """End one batch of unpaid orders whose time is up."""
    async with database.transaction() as session:
        return await end_due_orders(session, settings.closes_within / settings.pace)
