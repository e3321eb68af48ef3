"""Payments, put together."""

import os
from collections.abc import Mapping
from pathlib import Path

from common.broker import Wire
from common.serve import main
from common.service import Doors, Service, build_service, open_service_database, sealer
from common.settings import load
from payments.handlers import events
from payments.loops import World, payments_loops
from payments.meters import Meters
from payments.providers.configured import configured
from payments.providers.measured import measured
from payments.routes import routers
from payments.settings import PaymentsSettings

__all__ = ["MIGRATIONS", "SETTINGS", "build", "events"]

MIGRATIONS = Path(__file__).parents[2] / "migrations"
SETTINGS = PaymentsSettings


def build(environ: Mapping[str, str], wire: Wire | None = None) -> Service:
    """Return the service as the environment describes it."""
    settings = load(SETTINGS, environ)
    database = open_service_database(settings)
    meters = Meters()
    meters.watch(database)
    providers = measured(configured(settings), meters)
    world = World(database, providers, settings.patience, sealer(settings), settings.return_url)
    doors = Doors(
        routers=routers,
        events=events,
        loops=payments_loops(world, meters),
        state={"providers": providers},
        meters=meters.collectors,
        closing=[provider.disconnect for provider in providers.values()],
    )
    return build_service(settings, database, doors, wire)


if __name__ == "__main__":
    main(build, MIGRATIONS, os.environ)
