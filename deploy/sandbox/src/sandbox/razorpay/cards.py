"""Test cards: Razorpay's own (razorpay.com/docs/payments/payments/test-card-details) and the sandbox's, 4100 2899 …."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sandbox.card_numbers import is_card_number
from sandbox.razorpay.errors import Why


class Paying(Enum):
    """How a payment by this card goes, where the order asks for automatic capture."""

    AT_ONCE = "is authorized, then captured"
    HELD = "stays authorized until it is captured by the API"
    SLOWLY = "is authorized, and captured by itself a while later"
    LATE = "times out, and turns out to have been authorized a while later"
    NEVER = "is created and never finished"


class Refunding(Enum):
    """How a refund to this card goes."""

    AT_ONCE = "is processed at once"
    PENDING = "is pending, then processed"
    FAILING = "is pending, then failed"


@dataclass(frozen=True)
class Decline:
    """Why a payment failed (razorpay.com/docs/errors/payments/cards)."""

    description: str
    why: Why


@dataclass(frozen=True)
class Card:
    """What stands behind a test card."""

    number: str
    network: str = "Visa"
    paying: Paying = Paying.AT_ONCE
    refunding: Refunding = Refunding.AT_ONCE
    decline: Decline | None = None
    international: bool = False


def _declined(reason: str, source: str, step: str, description: str, code: str = "BAD_REQUEST_ERROR") -> Decline:
    return Decline(description, Why(source, step, reason, code))


TIMED_OUT: Final = _declined(
    "payment_timed_out", "customer", "payment_authentication",
    "Your payment could not be completed due to a temporary issue. Try again later.",
)  # fmt: skip
_FUNDS: Final = _declined(
    "insufficient_fund", "customer", "payment_authorization",
    "Your payment could not be completed due to insufficient account balance. Try another card or payment method.",
)  # fmt: skip
_CANCELLED: Final = _declined(
    "payment_cancelled", "customer", "payment_authentication",
    "Your payment has been cancelled. Try again or complete the payment later.",
)  # fmt: skip
_DECLINED: Final = _declined(
    "card_declined", "bank", "payment_authorization",
    "Your payment did not go through as it was declined by the bank. Try another payment method or contact your bank.",
)  # fmt: skip
_DISABLED: Final = _declined(
    "card_disabled_for_online_payments", "customer", "payment_authorization",
    "Your card is disabled for online payments.\nPlease reach to your bank or try with another card.",
)  # fmt: skip
WRONG_NUMBER: Final = _declined(
    "card_number_invalid", "customer", "payment_initiation",
    "You have entered an incorrect card number. Try again.",
)  # fmt: skip
_TECHNICAL: Final = _declined(
    "gateway_technical_error", "gateway", "payment_authorization",
    "Your payment did not go through due to a temporary issue. Any debited amount will be refunded in 4-5 business"
    " days.", "GATEWAY_ERROR",
)  # fmt: skip
_NOT_AUTHENTICATED: Final = _declined(
    "authentication_failed", "customer", "payment_authentication",
    "Your payment could not be completed due to incorrect OTP or verification details. Try another payment method or"
    " contact your bank for details.", "GATEWAY_ERROR",
)  # fmt: skip

_GOOD: Final = (
    Card("4100280000001007"),
    Card("5500670000001002", "MasterCard"),
    Card("6527658900001005", "RuPay"),
    Card("36082800091007", "Diners Club"),
    Card("340256000401007", "American Express"),
    Card("4111111111111111"),
    Card("4718609108204366"),
    Card("5555555555554444", "MasterCard", international=True),
    Card("5105105105105100", "MasterCard", international=True),
    Card("5104060000000008", "MasterCard", international=True),
    Card("4012888888881881", international=True),
)
_BAD: Final = {
    TIMED_OUT: ("4100280000090000", "5305620000060000"),
    _FUNDS: ("4100280000080001", "5305620000050001"),
    _CANCELLED: ("4100280000070002", "5305620000040002"),
    _DECLINED: (
        "4100280000060003", "5305620000030003", "4100280000050004", "5305620000020004", "4100280000040005",
        "5305620000010005",
    ),
    _DISABLED: ("4100280000030006", "5305620000000006"),
    WRONG_NUMBER: ("4100280000010008", "5305620000080008"),
    _TECHNICAL: ("4100280000020007", "5305620000090007"),
    _NOT_AUTHENTICATED: ("4100280000000009", "5305620000070009"),
}  # fmt: skip
_OURS: Final = (
    Card("4100289900010000", paying=Paying.HELD),
    Card("4100289900020009", paying=Paying.SLOWLY),
    Card("4100289900030008", paying=Paying.LATE),
    Card("4100289900040007", paying=Paying.NEVER),
    Card("4100289900050006", refunding=Refunding.PENDING),
    Card("4100289900060005", refunding=Refunding.FAILING),
)
_NETWORKS: Final = {"4": "Visa", "5": "MasterCard"}
CARDS: Final[dict[str, Card]] = {card.number: card for card in (*_GOOD, *_OURS)} | {
    number: Card(number, _NETWORKS[number[0]], decline=why) for why, numbers in _BAD.items() for number in numbers
}
SHOWN: Final = tuple((card.number, card.paying.value) for card in (_GOOD[0], *_OURS[:4])) + tuple(
    (card.number, f"its refund {card.refunding.value}") for card in _OURS[4:]
)


def numbered(number: str) -> Card:
    """The card of a number. In test mode only test cards can pay."""
    known = CARDS.get(number)
    if known is not None:
        return known
    return Card(number, "Unknown", decline=_DECLINED if is_card_number(number) else WRONG_NUMBER)
