"""Puts the notifier together."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from common.broker import Wire
from common.serve import main
from common.service import Doors, Service, build_service, open_service_database
from common.settings import load
from notifier.handlers import events
from notifier.letters import Letters
from notifier.loops import PostOffice, notifier_loops
from notifier.meters import Meters
from notifier.routes import notifications
from notifier.settings import NotifierSettings

__all__ = ["MIGRATIONS", "SETTINGS", "build", "events"]

MIGRATIONS = Path(__file__).parents[2] / "migrations"
SETTINGS = NotifierSettings


def build(environ: Mapping[str, str], wire: Wire | None = None) -> Service:
    """Return the service, not yet running."""
    settings = load(SETTINGS, environ)
    database = open_service_database(settings)
    letters = Letters(settings.sender, settings.shop_url)
    meters = Meters()
    office = PostOffice(database, letters, settings.mail_server, settings.patience, meters)
    loops = notifier_loops(office, every=settings.tick(timedelta(seconds=5)))
    doors = Doors(routers=[notifications], events=events, loops=loops, meters=meters.collectors)
    return build_service(settings, database, doors, wire)


if __name__ == "__main__":
    main(build, MIGRATIONS, os.environ)
