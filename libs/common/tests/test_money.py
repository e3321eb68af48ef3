"""Money: whole minor units, and exactly what each provider makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.money import (
    CURRENCIES,
    MAX_AMOUNT,
    Money,
    NotChargeable,
    exponent,
    from_stripe,
    to_razorpay,
    to_stripe,
)

CODES = st.sampled_from(sorted(CURRENCIES))
MONEY = st.builds(Money, st.integers(0, MAX_AMOUNT), CODES)


@given(MONEY)
def test_what_stripe_can_charge_comes_back_from_stripe_unchanged(money):
    try:
        charged = to_stripe(money)
    except NotChargeable:
        return
    assert from_stripe(charged, money.currency.lower()) == money


@given(MONEY)
def test_a_refusal_says_why(money):
    for charge in (to_stripe, to_razorpay):
        try:
            assert isinstance(charge(money), int)
        except NotChargeable as refusal:
            assert refusal.reason in {"too_small", "too_large", "granularity"}
            assert refusal.facts


@pytest.mark.parametrize(
    ("amount", "currency", "charged"),
    [
        (2599, "USD", 2599),
        (500, "JPY", 500),
        (12340, "KWD", 12340),
        (150, "ISK", 15000),
        (150, "UGX", 15000),
        (4200, "MGA", 42),
        (50, "USD", 50),
        (17500, "HUF", 17500),
        (99_999_999, "USD", 99_999_999),
    ],
)
def test_stripe_is_told_its_own_minor_units(amount, currency, charged):
    assert to_stripe(Money(amount, currency)) == charged
    assert from_stripe(charged, currency.lower()) == Money(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "reason"),
    [
        (49, "USD", "too_small"),
        (0, "USD", "too_small"),
        (49, "JPY", "too_small"),
        (17499, "HUF", "too_small"),
        (12345, "KWD", "granularity"),
        (4250, "MGA", "granularity"),
        (100_000_000, "USD", "too_large"),
        (1_000_000, "ISK", "too_large"),
    ],
)
def test_what_stripe_cannot_charge_is_refused_with_its_reason(amount, currency, reason):
    with pytest.raises(NotChargeable) as caught:
        to_stripe(Money(amount, currency))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("amount", "currency", "reason"),
    [(99, "INR", "too_small"), (0, "USD", "too_small"), (12345, "KWD", "granularity"), (10**13, "INR", "too_large")],
)
def test_what_razorpay_cannot_charge_is_refused_with_its_reason(amount, currency, reason):
    with pytest.raises(NotChargeable) as caught:
        to_razorpay(Money(amount, currency))
    assert caught.value.reason == reason


def test_razorpay_takes_iso_minor_units():
    assert to_razorpay(Money(100, "INR")) == 100
    assert to_razorpay(Money(12340, "KWD")) == 12340


@given(CODES, st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_money_of_one_currency_adds_up(currency, a, b):
    assert Money(a, currency) + Money(b, currency) - Money(b, currency) == Money(a, currency)
    assert Money(a, currency).times(3) == Money(a, currency) + Money(a, currency) + Money(a, currency)


def test_currencies_do_not_mix():
    for wrong in (lambda: Money(1, "USD") + Money(1, "EUR"), lambda: Money(1, "USD") - Money(1, "EUR")):
        with pytest.raises(ValueError, match="USD and EUR do not add up"):
            wrong()


@pytest.mark.parametrize("code", ["usd", "ZZZ", "", "US", "BTC"])
def test_only_iso_currencies_are_money(code):
    with pytest.raises(ValueError, match=r"no|not"):
        Money(1, code)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(2599, "USD"), "25.99 USD"),
        (Money(-5, "USD"), "-0.05 USD"),
        (Money(500, "JPY"), "500 JPY"),
        (Money(-500, "JPY"), "-500 JPY"),
        (Money(1005, "KWD"), "1.005 KWD"),
    ],
)
def test_money_reads_as_people_write_it(money, text):
    assert str(money) == text


def test_minor_units_follow_iso_4217():
    assert [exponent(code) for code in ("USD", "JPY", "KWD", "ISK", "MGA", "CLP", "TND")] == [2, 0, 3, 0, 2, 0, 3]
