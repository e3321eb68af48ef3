"""What a thing costs when: ordinary prices, one for each currency, and planned ones that go before them for a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from catalog.errors import PricesOverlap, PriceWithoutTime
from common.money import Money

_EVER: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Price:
    """What a seller asks: always, or from one moment until just before another."""

    money: Money
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    @property
    def planned(self) -> bool:
        """Whether it has a time."""
        return self.valid_from is not None or self.valid_to is not None

    @property
    def span(self) -> tuple[datetime, datetime]:
        """When it holds."""
        return self.valid_from or _EVER[0], self.valid_to or _EVER[1]

    def holds(self, moment: datetime) -> bool:
        """Say whether the moment is in its time."""
        begin, end = self.span
        return begin <= moment < end


def check_prices(prices: Sequence[Price]) -> None:
    """Raise PriceWithoutTime for a time that is none, PricesOverlap where two prices would hold at once.

    An ordinary price and a planned one may: the planned one goes before.
    """
    for price in prices:
        if price.span[0] >= price.span[1]:
            raise PriceWithoutTime(currency=price.money.currency)
    for planned in (True, False):
        kept = sorted((p for p in prices if p.planned == planned), key=lambda p: (p.money.currency, p.span))
        for earlier, later in pairwise(kept):
            if earlier.money.currency == later.money.currency and earlier.span[1] > later.span[0]:
                raise PricesOverlap(currency=later.money.currency)


def in_force(prices: Iterable[Price], moment: datetime) -> dict[str, Money]:
    """Return what holds at a moment, by currency."""
    holding = sorted((price for price in prices if price.holds(moment)), key=lambda price: price.planned)
    return {price.money.currency: price.money for price in holding}


def next_turn(prices: Iterable[Price], moment: datetime) -> datetime | None:
    """Return when the next planned price begins or ends, or None."""
    turns = (turn for price in prices for turn in (price.valid_from, price.valid_to))
    return min((turn for turn in turns if turn is not None and turn > moment), default=None)
