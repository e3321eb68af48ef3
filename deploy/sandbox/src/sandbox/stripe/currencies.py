"""Which currencies Stripe charges in and from which amount on (docs.stripe.com/currencies)."""

from typing import Final

from sandbox.stripe.errors import ParamsError

ZERO_DECIMAL: Final = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
THREE_DECIMAL: Final = frozenset("bhd jod kwd omr tnd".split())
# Two-decimal in the API for old times' sake, though they have no minor unit (docs.stripe.com/currencies#special-cases).
_WHOLE_HUNDREDS: Final = frozenset({"isk", "ugx"})
_OTHERS: Final = frozenset(
    """usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny
    cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk
    jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio
    nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs
    top try ttd twd tzs uah ugx uyu uzs wst xcd yer zar zmw""".split()
)
SUPPORTED: Final = ZERO_DECIMAL | THREE_DECIMAL | _OTHERS
LARGEST: Final = 99_999_999
# docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, in minor units.
_SMALLEST: Final = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
_SIGNS: Final = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹"}


def check_currency(currency: str) -> str:
    """The currency in lower case. Raises `ParamsError`."""
    code = currency.lower()
    if code not in SUPPORTED:
        listed = ", ".join(sorted(SUPPORTED))
        raise ParamsError(
            f"Invalid currency: {code}. Stripe currently supports these currencies: {listed}", param="currency"
        )
    return code


def smallest(currency: str) -> int:
    """The smallest amount that can be charged, in minor units."""
    return _SMALLEST.get(currency, 1)


def check_amount(amount: int, currency: str) -> None:
    """Refuse amounts the currency cannot have. Raises `ParamsError`."""
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise ParamsError(message, code="parameter_invalid_integer", param="amount")
    if amount < smallest(currency):
        message = f"Amount must be at least {show(smallest(currency), currency)} {currency}"
        raise ParamsError(message, code="amount_too_small", param="amount")
    if amount > LARGEST:
        message = f"Amount must be no more than {show(LARGEST, currency)}"
        raise ParamsError(message, code="amount_too_large", param="amount")
    step = 10 if currency in THREE_DECIMAL else 100 if currency in _WHOLE_HUNDREDS else 1
    if amount % step:
        message = f"Invalid amount: amounts in {currency} must be divisible by {step}."
        raise ParamsError(message, code="invalid_charge_amount", param="amount")


def show(amount: int, currency: str) -> str:
    """An amount as Stripe's messages write it: `$1,234.50`."""
    digits = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    return f"{_SIGNS.get(currency, '')}{amount / 10**digits:,.{digits}f}"
