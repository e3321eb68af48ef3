"""What is true of products and their stock without any machine."""

from catalog.domain.moves import (
    GRANT_MOVES,
    HOLDING_MOVES,
    MOVES,
    PRODUCT_MOVES,
    GrantStatus,
    HoldingStatus,
    ProductStatus,
    check_move,
)
from catalog.domain.naming import fold, slug_of, terms
from catalog.domain.pricing import Price, check_prices, in_force, next_turn
from catalog.domain.supply import CLOCK_SKEW, Offer, Reason, Refusal, Wish, judge, pieces, shortage

__all__ = [
    "CLOCK_SKEW",
    "GRANT_MOVES",
    "HOLDING_MOVES",
    "MOVES",
    "PRODUCT_MOVES",
    "GrantStatus",
    "HoldingStatus",
    "Offer",
    "Price",
    "ProductStatus",
    "Reason",
    "Refusal",
    "Wish",
    "check_move",
    "check_prices",
    "fold",
    "in_force",
    "judge",
    "next_turn",
    "pieces",
    "shortage",
    "slug_of",
    "terms",
]
