"""What is true of stock without any machine: the moves of a holding and of a grant, and who may have what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from catalog.errors import ForbiddenMove
from common.money import Money

# An order's time and a price's validity come from the clocks of two machines.
CLOCK_SKEW: Final = timedelta(seconds=60)


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
    """Whether a product is sold."""

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
    ProductStatus.ACTIVE: frozenset({ProductStatus.ARCHIVED}),
    ProductStatus.ARCHIVED: frozenset(),
}
MOVES: Final = {"holding": HOLDING_MOVES, "grant": GRANT_MOVES, "product": PRODUCT_MOVES}


def check_move(moves: Mapping[Status, frozenset[Status]], before: Status, after: Status) -> None:
    """Raise ForbiddenMove unless the table has the move."""
    if after not in moves[before]:
        message = f"{before} to {after}"
        raise ForbiddenMove(message)


class Reason(StrEnum):
    """Why an order cannot have its stock."""

    OUT_OF_STOCK = "out_of_stock"
    NOT_FOR_SALE = "not_for_sale"
    PRICE_CHANGED = "price_changed"
    CURRENCY_MISMATCH = "currency_mismatch"
    UNKNOWN_PRODUCT = "unknown_product"


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of an order: so many pieces at that price."""

    product_id: UUID
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class Offer:
    """A product as it could be had at an order's time; `free` is None where stock is unlimited."""

    kind: str
    active: bool
    prices: frozenset[Money]
    free: int | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and because of which product."""

    reason: Reason
    product_id: UUID | None


def pieces(wishes: Iterable[Wish]) -> dict[UUID, int]:
    """Return the pieces wanted of each product, summed over the lines, in the order of the ids."""
    wanted: dict[UUID, int] = {}
    for wish in wishes:
        wanted[wish.product_id] = wanted.get(wish.product_id, 0) + wish.quantity
    return dict(sorted(wanted.items()))


def judge(wishes: Sequence[Wish], offers: Mapping[UUID, Offer], currency: str) -> Refusal | None:
    """Return why the order cannot have all it asks for, or None when it can; all its lines are of one currency."""
    for wish in wishes:
        if reason := _objection(wish, offers.get(wish.product_id), currency):
            return Refusal(reason, wish.product_id)
    return shortage(pieces(wishes), {product_id: offer.free for product_id, offer in offers.items()})


def shortage(wanted: Mapping[UUID, int], free: Mapping[UUID, int | None]) -> Refusal | None:
    """Return the first product of which there is not enough; a product without a count is unlimited."""
    for product_id, quantity in wanted.items():
        left = free.get(product_id)
        if left is not None and left < quantity:
            return Refusal(Reason.OUT_OF_STOCK, product_id)
    return None


def _objection(wish: Wish, offer: Offer | None, currency: str) -> Reason | None:
    if offer is None:
        return Reason.UNKNOWN_PRODUCT
    if not offer.active:
        return Reason.NOT_FOR_SALE
    if wish.unit_price in offer.prices and wish.unit_price.currency == currency:
        return None
    same_currency = {wish.unit_price.currency, *(price.currency for price in offer.prices)} == {currency}
    return Reason.PRICE_CHANGED if same_currency else Reason.CURRENCY_MISMATCH
