"""Puts the auth service together."""

import os
from collections.abc import Mapping
from pathlib import Path

from auth.doorkeeper import Doorkeeper
from auth.loops import auth_loops, key_source
from auth.passwords import Hasher
from auth.routes import routes
from auth.settings import AuthSettings
from common.broker import Wire
from common.serve import main
from common.service import Doors, Service, build_service, open_service_database
from common.settings import load

MIGRATIONS = Path(__file__).parents[2] / "migrations"
SETTINGS = AuthSettings


def build(environ: Mapping[str, str], wire: Wire | None = None) -> Service:
    """Return the service, not yet running; raises BadSetting."""
    settings = load(SETTINGS, environ)
    database = open_service_database(settings)
    hasher = Hasher(settings.argon2_profile)
    doors = Doors(
        routers=[routes],
        loops=auth_loops(database, hasher, settings),
        state={"hasher": hasher, "doorkeeper": Doorkeeper(database, settings.tries)},
        key_source=key_source(settings),
        closing=[hasher.close],
    )
    return build_service(settings, database, doors, wire)


if __name__ == "__main__":
    main(build, MIGRATIONS, os.environ)
