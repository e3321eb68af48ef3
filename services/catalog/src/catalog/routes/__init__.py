"""Catalog's HTTP door: products for everybody, their upkeep and their files for sellers, downloads for buyers."""

from catalog.routes.assets import assets
from catalog.routes.categories import categories
from catalog.routes.downloads import downloads
from catalog.routes.files import files
from catalog.routes.importing import importing
from catalog.routes.products import products
from catalog.routes.stock import stock
from catalog.routes.uploads import FORM, UPLOADS, uploads

ROUTERS = [products, importing, stock, categories, uploads, assets, files, downloads]

__all__ = ["FORM", "ROUTERS", "UPLOADS"]
