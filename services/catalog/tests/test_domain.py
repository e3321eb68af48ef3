from uuid import UUID

import pytest

from catalog.domain import (
    HOLDING_MOVES,
    MOVES,
    HoldingStatus,
    Offer,
    Reason,
    Refusal,
    Wish,
    check_move,
    judge,
    pieces,
)
from catalog.errors import ForbiddenMove
from common.money import Money

A, B = UUID(int=1), UUID(int=2)
TEN = Money(10, "USD")


def offer(free=None, *, active=True, price=TEN):
    return Offer("physical", active, frozenset({price}), free)


def test_pieces_are_summed_and_sorted():
    assert list(pieces([Wish(B, 1, TEN), Wish(A, 2, TEN), Wish(B, 3, TEN)]).items()) == [(A, 2), (B, 4)]


@pytest.mark.parametrize(
    ("offers", "reason"),
    [
        ({A: offer(2)}, None),
        ({A: offer()}, None),
        ({A: offer(1)}, Reason.OUT_OF_STOCK),
        ({A: offer(2, active=False)}, Reason.NOT_FOR_SALE),
        ({A: offer(2, price=Money(11, "USD"))}, Reason.PRICE_CHANGED),
        ({A: offer(2, price=Money(10, "EUR"))}, Reason.CURRENCY_MISMATCH),
        ({}, Reason.UNKNOWN_PRODUCT),
    ],
)
def test_an_order_is_judged(offers, reason):
    refusal = judge([Wish(A, 2, TEN)], offers, "USD")
    assert refusal == (Refusal(reason, A) if reason else None)


def test_every_status_has_its_moves():
    for table in MOVES.values():
        assert {after for moves in table.values() for after in moves} <= set(table)


def test_what_the_table_does_not_have_is_forbidden():
    check_move(HOLDING_MOVES, HoldingStatus.RELEASED, HoldingStatus.SOLD)
    with pytest.raises(ForbiddenMove):
        check_move(HOLDING_MOVES, HoldingStatus.SOLD, HoldingStatus.RELEASED)
