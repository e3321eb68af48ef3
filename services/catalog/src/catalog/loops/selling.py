"""What catalog looks after: planned prices whose time has come, stock set aside for orders whose end never came."""

from functools import partial

import structlog

from catalog.actions.products import turn_prices
from catalog.meters import Meters
from catalog.queries import find_turning_product, list_overdue
from catalog.settings import CatalogSettings
from common.db import Database, now
from common.loops import Loop

log = structlog.get_logger(__name__)


def selling_loops(database: Database, settings: CatalogSettings, meters: Meters) -> list[Loop]:
    """Return the loops over products and stock."""
    return [
        Loop("turning prices", partial(turn_due_prices, database), every=settings.tick(settings.price_turns)),
        Loop(
            "overdue reservations",
            partial(report_overdue, database, settings, meters),
            every=settings.tick(settings.overdue_check),
        ),
    ]


async def turn_due_prices(database: Database) -> int:
    """Let the planned price of one product begin or end; return how many that were."""
    async with database.transaction() as session:
        moment = now()
        product = await find_turning_product(session, moment)
        if product is None:
            return 0
        await turn_prices(session, product, moment)
        return 1


async def report_overdue(database: Database, settings: CatalogSettings, meters: Meters) -> int:
    """Raise the alarm about overdue reservations; only orders ends them, so nothing is changed."""
    async with database.reading() as session:
        overdue = await list_overdue(session, now() - settings.overdue_after / settings.pace)
    meters.overdue.set(len(overdue))
    if overdue:
        log.error("reservations overdue", count=len(overdue), orders=[str(row["order_id"]) for row in overdue[:10]])
    return 0
