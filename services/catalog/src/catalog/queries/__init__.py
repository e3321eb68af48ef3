"""Every question catalog asks its database; those that visitors or orders ask often are compiled SQL."""

from catalog.queries.categories import find_category, get_category, is_category_used, list_categories
from catalog.queries.downloads import list_downloads, list_live_grants
from catalog.queries.products import check_owner, find_turning_product, get_product, get_product_to_change
from catalog.queries.shelf import Shelf, Sort, list_products
from catalog.queries.stock import get_variant_to_count, list_entries, list_free
from catalog.queries.supply import get_holding, list_offers, list_overdue, list_reservations

__all__ = [
    "Shelf",
    "Sort",
    "check_owner",
    "find_category",
    "find_turning_product",
    "get_category",
    "get_holding",
    "get_product",
    "get_product_to_change",
    "get_variant_to_count",
    "is_category_used",
    "list_categories",
    "list_downloads",
    "list_entries",
    "list_free",
    "list_live_grants",
    "list_offers",
    "list_overdue",
    "list_products",
    "list_reservations",
]
