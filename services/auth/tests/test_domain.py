"""Password rules and the schedule of signing keys, without any machine."""

from datetime import UTC, datetime, timedelta

import pytest

from auth.domain import KeyPolicy, Weakness, normal_password, weakness

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = KeyPolicy(lifetime=30 * DAY, ahead=timedelta(minutes=2))


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("seven77", Weakness.LENGTH),
        ("x" * 129, Weakness.LENGTH),
        ("        ", Weakness.BLANK),
        ("Password1", Weakness.COMMON),
        ("iloveyou", Weakness.COMMON),
        ("zzzzzzzzzzzz", Weakness.COMMON),
        ("my-ann.smith@example.com!", Weakness.EMAIL),
        ("ANN.SMITH", Weakness.EMAIL),
        ("fourteen chars", None),
        ("pässwörter-sind-schön", None),
        ("0123456789abcdef" * 8, None),
    ],
)
def test_a_password_is_measured_by_length_commonness_and_the_address(password, found):
    assert weakness(password, "ann.smith@example.com") == found


def test_a_password_has_one_form_however_it_was_composed():
    assert normal_password("cafe\u0301 noir") == normal_password("café noir")


def test_the_first_start_makes_one_key_to_sign_and_one_to_follow():
    assert POLICY.missing([], START) == [START, START + 30 * DAY]


def test_no_key_is_made_while_one_is_waiting():
    assert POLICY.missing([START, START + 30 * DAY], START + 29 * DAY) == []


def test_the_next_key_is_made_as_soon_as_the_waiting_one_signs():
    assert POLICY.missing([START, START + 30 * DAY], START + 30 * DAY) == [START + 60 * DAY]


def test_after_a_long_sleep_a_new_key_is_still_published_before_it_signs():
    late = START + 400 * DAY
    assert POLICY.missing([START, START + 30 * DAY], late) == [late + POLICY.ahead]


def test_a_key_is_dropped_only_when_its_tokens_have_expired():
    starts = [START, START + 30 * DAY, START + 60 * DAY]
    assert POLICY.outlived(starts, START + 30 * DAY + timedelta(minutes=11)) == []
    assert POLICY.outlived(starts, START + 30 * DAY + timedelta(minutes=71)) == [START]
