"""Catalog's HTTP door: products for everybody, their upkeep for sellers, downloads for buyers."""

from catalog.routes.categories import categories
from catalog.routes.downloads import downloads
from catalog.routes.products import products
from catalog.routes.stock import stock

ROUTERS = [products, stock, categories, downloads]

__all__ = ["ROUTERS"]
