"""How many tries are too many: the arithmetic."""

from datetime import UTC, datetime, timedelta

import pytest

from auth.tries import Allowance, Streak, Tally

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
STREAK = Streak(free=3, first=SECOND, longest=timedelta(minutes=1), most=12, locked=DAY)


def nothing(moment=NOON):
    return Tally(0, moment, moment)


def test_each_failure_in_a_row_costs_twice_as_much_as_the_one_before():
    tally, moment, waits = nothing(), NOON, []
    for _ in range(12):
        tally = STREAK.count(tally, moment)
        waits.append((tally.free_at - moment).total_seconds())
        moment = tally.free_at
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 86400]


def test_a_success_ends_the_row_and_a_day_forgets_it():
    tally = Tally(9, NOON + 60 * SECOND, NOON)
    assert STREAK.succeed(tally, NOON) == nothing()
    assert STREAK.count(tally, NOON + DAY).level == 10
    assert STREAK.count(tally, NOON + DAY + SECOND).level == 1


def test_what_nobody_looked_at_is_no_failure():
    assert STREAK.undo(STREAK.count(nothing(), NOON), NOON) == nothing()
    assert STREAK.undo(nothing(), NOON) == nothing()


@pytest.mark.parametrize("free", [1, 100])
def test_the_wait_is_never_longer_than_a_day(free):
    streak = Streak(free, SECOND, DAY, 100, DAY)
    assert max(streak.wait(failures) for failures in range(10_000)) == DAY


def test_an_allowance_may_be_used_at_once_and_comes_back_evenly():
    allowance, tally = Allowance(60), nothing()
    for _ in range(59):
        tally = allowance.count(tally, NOON)
        assert tally.free_at == NOON
    tally = allowance.count(tally, NOON)
    assert (tally.free_at - NOON).total_seconds() == pytest.approx(60)
    later = NOON + timedelta(minutes=30)
    assert allowance.count(tally, later).level == pytest.approx(31)
    assert allowance.count(tally, NOON + DAY).level == 1


def test_who_was_let_in_uses_nothing_up():
    allowance = Allowance(60)
    tally = allowance.count(nothing(), NOON)
    assert allowance.succeed(tally, NOON).level == allowance.undo(tally, NOON).level == 0
    assert allowance.succeed(nothing(), NOON).level == 0


def test_a_clock_that_was_set_back_gives_nothing_back():
    assert Allowance(60).count(Tally(30, NOON, NOON), NOON - DAY).level == 31
