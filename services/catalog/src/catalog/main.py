"""Puts catalog together."""

import os
from collections.abc import Mapping
from pathlib import Path

from catalog.handlers import events
from catalog.loops import catalog_loops
from catalog.meters import Meters
from catalog.routes import FORM, ROUTERS, UPLOADS
from catalog.settings import CatalogSettings
from catalog.stores.configured import configured
from common.broker import Wire
from common.serve import main
from common.service import Doors, Service, build_service, open_service_database
from common.settings import load

__all__ = ["MIGRATIONS", "SETTINGS", "build", "events"]

MIGRATIONS = Path(__file__).parents[2] / "migrations"
SETTINGS = CatalogSettings


def build(environ: Mapping[str, str], wire: Wire | None = None) -> Service:
    """Return catalog, not yet running."""
    settings = load(SETTINGS, environ)
    database = open_service_database(settings)
    stores, meters = configured(settings), Meters()
    doors = Doors(
        routers=ROUTERS,
        events=events,
        loops=catalog_loops(database, settings, stores, meters),
        state={"stores": stores},
        meters=meters.collectors,
        body_limits={UPLOADS: settings.max_upload + FORM},
        closing=[stores.disconnect],
    )
    return build_service(settings, database, doors, wire)


if __name__ == "__main__":
    main(build, MIGRATIONS, os.environ)
