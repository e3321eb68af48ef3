"""Every question catalog asks its database; those that visitors or orders ask often are compiled SQL."""

from catalog.queries.assets import (
    count_asked,
    count_open_uploads,
    find_asset,
    find_at,
    find_named,
    get_asset,
    is_asked,
    is_used,
    list_assets,
    list_ready,
    list_told_of,
)
from catalog.queries.categories import (
    find_category,
    get_category,
    get_height,
    is_category_used,
    list_categories,
    list_places,
)
from catalog.queries.downloads import get_grant_to_use, list_downloads, list_live_grants, list_terms
from catalog.queries.products import (
    check_owner,
    find_by_sku,
    find_turning_product,
    get_product,
    get_product_to_change,
)
from catalog.queries.shelf import Shelf, Sort, list_products
from catalog.queries.stock import get_variant_to_count, list_entries, list_free
from catalog.queries.supply import get_holding, list_offers, list_overdue, list_reservations

__all__ = [
    "Shelf",
    "Sort",
    "check_owner",
    "count_asked",
    "count_open_uploads",
    "find_asset",
    "find_at",
    "find_by_sku",
    "find_category",
    "find_named",
    "find_turning_product",
    "get_asset",
    "get_category",
    "get_grant_to_use",
    "get_height",
    "get_holding",
    "get_product",
    "get_product_to_change",
    "get_variant_to_count",
    "is_asked",
    "is_category_used",
    "is_used",
    "list_assets",
    "list_categories",
    "list_downloads",
    "list_entries",
    "list_free",
    "list_live_grants",
    "list_offers",
    "list_overdue",
    "list_places",
    "list_products",
    "list_ready",
    "list_reservations",
    "list_terms",
    "list_told_of",
]
