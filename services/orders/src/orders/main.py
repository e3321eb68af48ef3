"""Orders, put together."""

import os
from collections.abc import Mapping
from pathlib import Path

from common.broker import Wire
from common.serve import main
from common.service import Doors, Service, build_service, open_service_database, opener
from common.settings import load
from orders.handlers import events
from orders.loops import orders_loops
from orders.routes import ROUTERS
from orders.settings import OrdersSettings

__all__ = ["MIGRATIONS", "SETTINGS", "build", "events"]

MIGRATIONS = Path(__file__).parents[2] / "migrations"
SETTINGS = OrdersSettings


def build(environ: Mapping[str, str], wire: Wire | None = None) -> Service:
    """Return the service as the environment describes it."""
    settings = load(SETTINGS, environ)
    database = open_service_database(settings)
    doors = Doors(
        routers=ROUTERS, events=events, loops=orders_loops(database, settings), state={"opener": opener(settings)}
    )
    return build_service(settings, database, doors, wire)


if __name__ == "__main__":
    main(build, MIGRATIONS, os.environ)
