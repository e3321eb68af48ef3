"""Catalog's tables."""

from catalog.models.assets import Asset, AssetTransition, Registration
from catalog.models.categories import Category
from catalog.models.holdings import Grant, GrantTransition, Holding, HoldingTransition, Reservation
from catalog.models.imports import ImportLine, ImportResult
from catalog.models.prices import ListedPrice, ProductPrice
from catalog.models.products import Changes, Product, ProductTransition
from catalog.models.stock import Stock, StockEntry
from catalog.models.tables import Base, Transition
from catalog.models.variants import Variant
from catalog.models.wishes import Edit, Wish

__all__ = [
    "Asset",
    "AssetTransition",
    "Base",
    "Category",
    "Changes",
    "Edit",
    "Grant",
    "GrantTransition",
    "Holding",
    "HoldingTransition",
    "ImportLine",
    "ImportResult",
    "ListedPrice",
    "Product",
    "ProductPrice",
    "ProductTransition",
    "Registration",
    "Reservation",
    "Stock",
    "StockEntry",
    "Transition",
    "Variant",
    "Wish",
]
