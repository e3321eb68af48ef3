from contextlib import nullcontext
from datetime import UTC, datetime
from uuid import UUID

import pytest

from catalog.domain import (
    HOLDING_MOVES,
    MOVES,
    HoldingStatus,
    Offer,
    Price,
    Reason,
    Refusal,
    Wish,
    check_move,
    check_prices,
    fold,
    in_force,
    judge,
    next_turn,
    pieces,
    slug_of,
    terms,
)
from catalog.errors import ForbiddenMove, PricesOverlap, PriceWithoutTime
from common.money import Money

A, B = UUID(int=1), UUID(int=2)
TEN = Money(10, "USD")


def offer(free=None, *, active=True, price=TEN):
    return Offer(A, "physical", active, frozenset({price}), free, most=3)


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


@pytest.mark.parametrize(("quantities", "allowed"), [([1, 2], True), ([2, 2], False), ([4], False)])
def test_limits_are_those_of_a_variant_in_one_order(quantities, allowed):
    refusal = judge([Wish(A, quantity, TEN) for quantity in quantities], {A: offer()}, "USD")
    assert refusal == (None if allowed else Refusal(Reason.QUANTITY_OUT_OF_RANGE, A))


def price(amount, begin=None, end=None, currency="USD"):
    return Price(Money(amount, currency), *(day and datetime(2026, 11, day, tzinfo=UTC) for day in (begin, end)))


@pytest.mark.parametrize(("day", "usd"), [(1, 20), (9, 20), (10, 15), (11, 15), (12, 20), (20, 25), (30, 25)])
def test_a_planned_price_goes_before_the_ordinary_one_in_its_time(day, usd):
    prices = [price(20), price(30, currency="EUR"), price(15, 10, 12), price(25, 20)]
    check_prices(prices)
    moment = datetime(2026, 11, day, tzinfo=UTC)
    assert in_force(prices, moment) == {"USD": Money(usd, "USD"), "EUR": Money(30, "EUR")}
    turns = [turn for turn in (10, 12, 20) if turn > day]
    assert next_turn(prices, moment) == (datetime(2026, 11, turns[0], tzinfo=UTC) if turns else None)


@pytest.mark.parametrize(
    ("prices", "error"),
    [
        ([price(1), price(2)], PricesOverlap),
        ([price(1, 3, 5), price(2, 4, 6)], PricesOverlap),
        ([price(1, 3), price(2, None, 4)], PricesOverlap),
        ([price(1, 3, 3)], PriceWithoutTime),
        ([price(1, 3, 5), price(2, 5, 6), price(2, 3, 5, "EUR")], None),
    ],
)
def test_prices_of_one_time_and_currency_do_not_meet(prices, error):
    with pytest.raises(error) if error else nullcontext():
        check_prices(prices)


@pytest.mark.parametrize(
    ("text", "folded", "slug"),
    [
        ("Über-Café Nº 5", "uber cafe no 5", "uber-cafe-no-5"),
        ("STRASSE straße", "strasse strasse", "strasse-strasse"),
        ("Łódź, Ørsted & Ærø", "lodz orsted aero", "lodz-orsted-aero"),
        ("Закат над морем", "закат над морем", ""),
        ("\u00e9 e\u0301", "e e", "e-e"),
        ("' | ! <-> :*", "", ""),
    ],
)
def test_words_are_found_however_they_are_written(text, folded, slug):
    assert fold(text) == folded
    assert slug_of(text) == slug
    assert terms(f"{text} {text}") == list(dict.fromkeys(folded.split()))


def test_every_status_has_its_moves():
    for table in MOVES.values():
        assert {after for moves in table.values() for after in moves} <= set(table)


def test_what_the_table_does_not_have_is_forbidden():
    check_move(HOLDING_MOVES, HoldingStatus.RELEASED, HoldingStatus.SOLD)
    with pytest.raises(ForbiddenMove):
        check_move(HOLDING_MOVES, HoldingStatus.SOLD, HoldingStatus.RELEASED)
