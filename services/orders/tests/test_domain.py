"""What is true of orders without any machine."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.money import Money
from orders.domain import MOVES, PAYABLE, Status, apportion, may_move, number, total


def test_every_state_has_its_moves_and_ended_orders_stay_ended() -> None:
    assert MOVES.keys() == set(Status)
    ended = {status for status, moves in MOVES.items() if not moves}
    assert ended == {Status.REJECTED, Status.CANCELLED, Status.REFUNDED}
    assert Status.EXPIRED in PAYABLE
    assert not may_move(Status.PAID, Status.EXPIRED)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10_000)), min_size=1))
def test_a_total_is_the_sum_of_its_lines(lines: list[tuple[int, int]]) -> None:
    summed = total((Money(amount, "JPY"), quantity) for amount, quantity in lines)
    assert summed == Money(sum(amount * quantity for amount, quantity in lines), "JPY")
    assert summed.amount >= 0


def test_a_total_has_one_currency_and_a_line() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        total([(Money(1, "USD"), 1), (Money(1, "INR"), 1)])
    with pytest.raises(ValueError, match="at least one line"):
        total([])


def test_a_number_tells_the_day_and_is_short() -> None:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    assert number(UUID(int=0), moment) == "261121-00000000"
    assert number(UUID(int=(1 << 40) - 1), moment) == "261121-ZZZZZZZZ"


WEIGHTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=20).filter(any)


@given(WEIGHTS, st.integers(0, 10**12))
def test_what_falls_to_each_adds_up_and_is_in_proportion(weights: list[int], amount: int) -> None:
    shares = apportion(amount, weights)
    assert sum(shares) == amount
    assert all(share >= amount * weight // sum(weights) for share, weight in zip(shares, weights, strict=True))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6).filter(any))
def test_of_more_nobody_gets_less_and_of_all_each_gets_his_own(weights: list[int]) -> None:
    shares = [apportion(amount, weights) for amount in range(sum(weights) + 10)]
    assert shares[sum(weights)] == weights
    for less, more in pairwise(shares):
        assert all(before <= after for before, after in zip(less, more, strict=True))
