"""Which currencies Razorpay takes, and from which amount on (razorpay.com/docs/payments/international-payments)."""

from typing import Final

from sandbox.razorpay.errors import RazorpayError, Why, invalid

_ZERO_DECIMAL: Final = frozenset({"JPY"})
_THREE_DECIMAL: Final = frozenset({"BHD", "KWD", "OMR"})
_TWO_DECIMAL: Final = frozenset(
    """AED ALL AMD ARS AUD AWG BBD BDT BMD BND BOB BSD BWP BZD CAD CHF CNY COP CRC CUP CZK DKK DOP DZD EGP ETB EUR FJD
    GBP GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LKR LRD LSL MAD MDL MKD MMK MNT
    MOP MUR MVR MWK MXN MYR NAD NGN NIO NOK NPR NZD PEN PGK PHP PKR QAR RUB SAR SCR SEK SGD SLL SOS SSP SVC SZL THB TTD
    TZS USD UYU UZS YER ZAR""".split()
)
_LARGEST: Final = 10**11


def check_money(amount: int, currency: str) -> None:
    """Refuse what an order cannot ask for. Raises `RazorpayError`."""
    if currency not in _ZERO_DECIMAL | _TWO_DECIMAL | _THREE_DECIMAL:
        raise invalid("currency", "Currency is not supported")
    if amount < smallest(currency):
        why = Why(step="order_creation", reason="amount_less_than_minimum_amount")
        raise RazorpayError("Order amount less than minimum amount allowed", why=why, field="amount")
    if amount > _LARGEST:
        raise invalid("amount", "Amount exceeds maximum amount allowed.")
    if currency in _THREE_DECIMAL and amount % 10:
        raise invalid("amount", f"The amount in {currency} must end in 0.")


def smallest(currency: str) -> int:
    """The least that can be paid or refunded: one whole unit."""
    return 1 if currency in _ZERO_DECIMAL else 1000 if currency in _THREE_DECIMAL else 100
