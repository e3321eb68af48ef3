"""Who may have what: an order's wishes beside what there is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from common.money import Money

# An order's time and a price's validity come from the clocks of two machines.
CLOCK_SKEW: Final = timedelta(seconds=60)


class Reason(StrEnum):
    """Why an order cannot have its stock."""

    OUT_OF_STOCK = "out_of_stock"
    NOT_FOR_SALE = "not_for_sale"
    PRICE_CHANGED = "price_changed"
    CURRENCY_MISMATCH = "currency_mismatch"
    UNKNOWN_PRODUCT = "unknown_product"
    QUANTITY_OUT_OF_RANGE = "quantity_out_of_range"


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of an order: so many pieces of a variant at that price."""

    variant_id: UUID
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class Offer:
    """A variant as it could be had at an order's time; `free` is None where stock is unlimited.

    `least` and `most` are the pieces one order may have of it.
    """

    product_id: UUID
    kind: str
    active: bool
    prices: frozenset[Money]
    free: int | None
    least: int = 1
    most: int | None = None

    def allows(self, quantity: int) -> bool:
        """Say whether one order may have so many."""
        return self.least <= quantity and (self.most is None or quantity <= self.most)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and because of which variant."""

    reason: Reason
    variant_id: UUID | None


def pieces(wishes: Iterable[Wish]) -> dict[UUID, int]:
    """Return the pieces wanted of each variant, summed over the lines, in the order of the ids."""
    wanted: dict[UUID, int] = {}
    for wish in wishes:
        wanted[wish.variant_id] = wanted.get(wish.variant_id, 0) + wish.quantity
    return dict(sorted(wanted.items()))


def judge(wishes: Sequence[Wish], offers: Mapping[UUID, Offer], currency: str) -> Refusal | None:
    """Return why the order cannot have all it asks for, or None when it can; all its lines are of one currency."""
    for wish in wishes:
        if reason := _objection(wish, offers.get(wish.variant_id), currency):
            return Refusal(reason, wish.variant_id)
    wanted = pieces(wishes)
    for variant_id, quantity in wanted.items():
        if not offers[variant_id].allows(quantity):
            return Refusal(Reason.QUANTITY_OUT_OF_RANGE, variant_id)
    return shortage(wanted, {variant_id: offer.free for variant_id, offer in offers.items()})


def shortage(wanted: Mapping[UUID, int], free: Mapping[UUID, int | None]) -> Refusal | None:
    """Return the first variant of which there is not enough; a variant without a count is unlimited."""
    for variant_id, quantity in wanted.items():
        left = free.get(variant_id)
        if left is not None and left < quantity:
            return Refusal(Reason.OUT_OF_STOCK, variant_id)
    return None


def _objection(wish: Wish, offer: Offer | None, currency: str) -> Reason | None:
    if offer is None:
        return Reason.UNKNOWN_PRODUCT
    if not offer.active:
        return Reason.NOT_FOR_SALE
    if wish.unit_price in offer.prices and wish.unit_price.currency == currency:
        return None
    known = wish.unit_price.currency == currency and currency in {price.currency for price in offer.prices}
    return Reason.PRICE_CHANGED if known else Reason.CURRENCY_MISMATCH
