"""Catalog's tables."""

from catalog.models.holdings import Grant, GrantTransition, Holding, HoldingTransition, Reservation
from catalog.models.products import Changes, Product, ProductPrice, ProductTransition, Stock, StockEntry
from catalog.models.tables import Base, Transition

__all__ = [
    "Base",
    "Changes",
    "Grant",
    "GrantTransition",
    "Holding",
    "HoldingTransition",
    "Product",
    "ProductPrice",
    "ProductTransition",
    "Reservation",
    "Stock",
    "StockEntry",
    "Transition",
]
