"""What catalog looks after: stock set aside for orders whose end never came."""

from functools import partial

import structlog

from catalog.queries import list_overdue
from catalog.settings import CatalogSettings
from common.db import Database, now
from common.loops import Loop

log = structlog.get_logger(__name__)


def catalog_loops(database: Database, settings: CatalogSettings) -> list[Loop]:
    """Return catalog's loops."""
    check = partial(report_overdue, database, settings)
    return [Loop("overdue reservations", check, every=settings.paced(settings.overdue_check))]


async def report_overdue(database: Database, settings: CatalogSettings) -> int:
    """Raise the alarm about overdue reservations; only orders ends them, so nothing is changed."""
    async with database.reading() as session:
        overdue = await list_overdue(session, now() - settings.overdue_after / settings.pace)
    if overdue:
        log.error("reservations overdue", count=len(overdue), orders=[str(row["order_id"]) for row in overdue[:10]])
    return 0
