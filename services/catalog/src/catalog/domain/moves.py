"""The statuses of products, holdings and grants, and the moves between them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from catalog.errors import ForbiddenMove


class HoldingStatus(StrEnum):
    """What catalog holds for an order; `refused` is a paid order that could not be supplied any more."""

    ACTIVE = "active"
    REJECTED = "rejected"
    SOLD = "sold"
    RELEASED = "released"
    REFUSED = "refused"


class GrantStatus(StrEnum):
    """Whether a buyer may download a line."""

    GRANTED = "granted"
    REVOKED = "revoked"


class ProductStatus(StrEnum):
    """Whether a product is sold: a draft is not yet, or not just now; what is archived never is again."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


Status = TypeVar("Status", bound=StrEnum)

HOLDING_MOVES: Final[Mapping[HoldingStatus, frozenset[HoldingStatus]]] = {
    HoldingStatus.ACTIVE: frozenset({HoldingStatus.SOLD, HoldingStatus.RELEASED}),
    HoldingStatus.RELEASED: frozenset({HoldingStatus.SOLD, HoldingStatus.REFUSED}),
    HoldingStatus.REJECTED: frozenset({HoldingStatus.REFUSED}),
    HoldingStatus.SOLD: frozenset(),
    HoldingStatus.REFUSED: frozenset(),
}
GRANT_MOVES: Final[Mapping[GrantStatus, frozenset[GrantStatus]]] = {
    GrantStatus.GRANTED: frozenset({GrantStatus.REVOKED}),
    GrantStatus.REVOKED: frozenset(),
}
PRODUCT_MOVES: Final[Mapping[ProductStatus, frozenset[ProductStatus]]] = {
    ProductStatus.DRAFT: frozenset({ProductStatus.ACTIVE, ProductStatus.ARCHIVED}),
    ProductStatus.ACTIVE: frozenset({ProductStatus.DRAFT, ProductStatus.ARCHIVED}),
    ProductStatus.ARCHIVED: frozenset(),
}
MOVES: Final = {"holding": HOLDING_MOVES, "grant": GRANT_MOVES, "product": PRODUCT_MOVES}


def check_move(moves: Mapping[Status, frozenset[Status]], before: Status, after: Status) -> None:
    """Raise ForbiddenMove unless the table has the move."""
    if after not in moves[before]:
        message = f"{before} to {after}"
        raise ForbiddenMove(message)
