"""Money: an integer of ISO 4217 minor units with its currency, and what each payment provider makes of it."""

from dataclasses import dataclass
from typing import Final

# ISO 4217 (list one, 2026): currencies whose minor unit is not the hundredth.
_EXPONENTS: Final = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
_HUNDREDTHS: Final = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
    "CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR "
    "JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN "
    "NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST YER ZAR ZMW ZWG".split()
)
CURRENCIES: Final = _HUNDREDTHS | _EXPONENTS.keys()
MAX_AMOUNT: Final = 10**12
_THREE_DECIMALS: Final = 3


def exponent(currency: str) -> int:
    """Return how many decimals the currency's minor unit has (ISO 4217): USD 2, JPY 0, KWD 3."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units: `Money(2599, "USD")` is 25.99 US dollars; raises ValueError for an unknown currency."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            message = f"{self.currency!r} is not an ISO 4217 currency"
            raise ValueError(message)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def times(self, quantity: int) -> "Money":
        """Return the price of `quantity` pieces."""
        return Money(self.amount * quantity, self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            message = f"{self.currency} and {other.currency} do not add up"
            raise ValueError(message)
        return other.amount

    def __str__(self) -> str:
        digits = exponent(self.currency)
        sign, amount = ("-" if self.amount < 0 else ""), abs(self.amount)
        if digits == 0:
            return f"{sign}{amount} {self.currency}"
        whole, part = divmod(amount, 10**digits)
        return f"{sign}{whole}.{part:0{digits}d} {self.currency}"


class NotChargeable(ValueError):  # noqa: N818 - names what the amount is
    """The provider cannot charge this amount; `reason` is `too_small`, `too_large` or `granularity`."""

    def __init__(self, reason: str, **facts: object) -> None:
        super().__init__(reason)
        self.reason, self.facts = reason, facts


# docs.stripe.com/currencies: decimals of Stripe's API where they differ from ISO 4217.
_STRIPE_EXPONENTS: Final = {"ISK": 2, "UGX": 2, "MGA": 0}
# docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, in ISO minor units.
_STRIPE_MINIMUMS: Final = {
    "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
    "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200,
    "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
}  # fmt: skip
_STRIPE_MAXIMUM: Final = 99_999_999
# razorpay.com/docs/api/orders/create: one rupee, or its like.
_RAZORPAY_MINIMUMS: Final = {"INR": 100}


def to_stripe(money: Money) -> int:
    """Return the integer Stripe's API wants; raises NotChargeable below the minimum or off the currency's grid."""
    exact = _rescale(money, _STRIPE_EXPONENTS.get(money.currency, exponent(money.currency)))
    if exponent(money.currency) == _THREE_DECIMALS and exact % 10:
        raise NotChargeable("granularity", multiple_of=10)
    _between(money.amount, _STRIPE_MINIMUMS.get(money.currency, 1), exact, _STRIPE_MAXIMUM)
    return exact


def from_stripe(amount: int, currency: str) -> Money:
    """Return what Stripe's integer and lower-case currency mean in ISO minor units."""
    code = currency.upper()
    stripe, iso = _STRIPE_EXPONENTS.get(code, exponent(code)), exponent(code)
    return Money(amount * 10 ** (iso - stripe) if iso >= stripe else amount // 10 ** (stripe - iso), code)


def to_razorpay(money: Money) -> int:
    """Return the integer Razorpay's API wants; raises NotChargeable below the minimum or off the currency's grid."""
    if exponent(money.currency) == _THREE_DECIMALS and money.amount % 10:
        raise NotChargeable("granularity", multiple_of=10)
    _between(money.amount, _RAZORPAY_MINIMUMS.get(money.currency, 1), money.amount, MAX_AMOUNT)
    return money.amount


def from_razorpay(amount: int, currency: str) -> Money:
    """Return what Razorpay's integer and currency mean in ISO minor units: they are the same."""
    return Money(amount, currency.upper())


CHARGES: Final = {"stripe": to_stripe, "razorpay": to_razorpay}


def _rescale(money: Money, digits: int) -> int:
    shift = digits - exponent(money.currency)
    if shift >= 0:
        return int(money.amount * 10**shift)
    exact, rest = divmod(money.amount, 10**-shift)
    if rest:
        raise NotChargeable("granularity", multiple_of=10**-shift)
    return int(exact)


def _between(amount: int, minimum: int, exact: int, maximum: int) -> None:
    if amount < minimum:
        raise NotChargeable("too_small", minimum=minimum)
    if exact > maximum:
        raise NotChargeable("too_large", maximum=maximum)
