"""Which ways to pay are on offer."""

import pytest

from common.settings import BadSetting, load
from orders.settings import WAYS, OrdersSettings

GIVEN = {
    "DATABASE_URL_ORDERS": "postgresql://shop:n0body-knows@db/orders",
    "AMQP_URL": "amqp://shop:n0body-knows@broker/",
    "PUBLIC_URL": "https://shop.test",
}


def offered(**given: str) -> list[str]:
    """Return the ways to pay that these settings offer."""
    settings = load(OrdersSettings, {**GIVEN, **given})
    ways = ["stripe:intent", "stripe:checkout", "razorpay:checkout", "razorpay:intent"]
    return [way for way in ways if settings.offers(*way.split(":"))]


def test_in_development_all_ways_are_offered() -> None:
    assert offered() == offered(PAYMENT_METHODS=" ") == list(WAYS)


def test_in_production_only_those_that_were_named_or_stripes() -> None:
    assert offered(SOUK_ENV="production") == ["stripe:intent", "stripe:checkout"]
    assert offered(SOUK_ENV="production", PAYMENT_METHODS="razorpay:checkout") == ["razorpay:checkout"]


@pytest.mark.parametrize(
    "wrong", ["razorpay:intent", "stripe", "stripe:intent,", "paypal:checkout", "stripe:intent, x"]
)
def test_a_way_that_does_not_exist_stops_the_start_with_a_sentence(wrong: str) -> None:
    with pytest.raises(BadSetting, match="PAYMENT_METHODS cannot be used: name some of stripe:intent"):
        offered(PAYMENT_METHODS=wrong)
