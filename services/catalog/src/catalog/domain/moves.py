"""The statuses of products, holdings, grants and assets, and the moves between them."""

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


class AssetStatus(StrEnum):
    """What has become of a file from the token for its upload on.

    Nobody registered an orphan; for an unused token no file came. Of what is swept or deleted the file goes, too.
    """

    ISSUED = "issued"
    CHECKING = "checking"
    READY = "ready"
    REFUSED = "refused"
    ORPHANED = "orphaned"
    SWEPT = "swept"
    UNUSED = "unused"
    DELETED = "deleted"


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
# A check that finds no file leaves the token as it was: the upload may be on its way.
ASSET_MOVES: Final[Mapping[AssetStatus, frozenset[AssetStatus]]] = {
    AssetStatus.ISSUED: frozenset(
        {AssetStatus.CHECKING, AssetStatus.ORPHANED, AssetStatus.UNUSED, AssetStatus.DELETED}
    ),
    AssetStatus.CHECKING: frozenset({AssetStatus.READY, AssetStatus.REFUSED, AssetStatus.ISSUED, AssetStatus.DELETED}),
    AssetStatus.READY: frozenset({AssetStatus.DELETED}),
    AssetStatus.REFUSED: frozenset({AssetStatus.DELETED}),
    AssetStatus.ORPHANED: frozenset({AssetStatus.CHECKING, AssetStatus.SWEPT, AssetStatus.DELETED}),
    AssetStatus.SWEPT: frozenset({AssetStatus.DELETED}),
    AssetStatus.UNUSED: frozenset({AssetStatus.DELETED}),
    AssetStatus.DELETED: frozenset(),
}
MOVES: Final = {"asset": ASSET_MOVES, "holding": HOLDING_MOVES, "grant": GRANT_MOVES, "product": PRODUCT_MOVES}


def check_move(moves: Mapping[Status, frozenset[Status]], before: Status, after: Status) -> None:
    """Raise ForbiddenMove unless the table has the move."""
    if after not in moves[before]:
        message = f"{before} to {after}"
        raise ForbiddenMove(message)
