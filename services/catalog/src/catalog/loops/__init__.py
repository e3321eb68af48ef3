"""What catalog looks after: prices and stock, and files from their upload to their end."""

from catalog.loops.assets import World, asset_loops
from catalog.loops.selling import selling_loops
from catalog.meters import Meters
from catalog.settings import CatalogSettings
from catalog.stores import Stores
from common.db import Database
from common.loops import Loop

__all__ = ["catalog_loops"]


def catalog_loops(database: Database, settings: CatalogSettings, stores: Stores, meters: Meters) -> list[Loop]:
    """Return catalog's loops."""
    return [*selling_loops(database, settings, meters), *asset_loops(World(database, stores, settings))]
