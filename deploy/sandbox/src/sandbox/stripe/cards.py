"""Stripe's test payment methods and what each does (docs.stripe.com/testing)."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Refunding(Enum):
    """How a refund to this method goes (docs.stripe.com/testing#refunds)."""

    AT_ONCE = "succeeds at once"
    PENDING = "is pending, then succeeds"
    FAILING = "succeeds, then fails"


@dataclass(frozen=True)
class Decline:
    """Why a payment is refused; some codes have no decline code (docs.stripe.com/testing#declined-payments)."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Method:
    """What stands behind a test payment method."""

    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    authenticate: bool = False
    refunding: Refunding = Refunding.AT_ONCE
    bank: bool = False
    settles: bool = True


_DECLINED: Final = "Your card was declined."
GENERIC: Final = Decline("card_declined", "generic_decline", _DECLINED)
_FUNDS: Final = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
_LOST: Final = Decline("card_declined", "lost_card", _DECLINED)
_STOLEN: Final = Decline("card_declined", "stolen_card", _DECLINED)
_FRAUD: Final = Decline("card_declined", "fraudulent", _DECLINED)
_OFTEN: Final = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
_EXPIRED: Final = Decline("expired_card", None, "Your card has expired.")
_CVC: Final = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
_PROCESSING: Final = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)
_LIVE: Final = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test (live) card."
    " For a list of valid test cards, visit: https://docs.stripe.com/testing.",
)
_BANK_FUNDS: Final = Decline(
    "payment_intent_payment_attempt_failed", None, "The payment failed: the account has insufficient funds."
)
WRONG_NUMBER: Final = Decline("incorrect_number", None, "Your card number is incorrect.")
OFF_SESSION: Final = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

METHODS: Final[dict[str, Method]] = {
    "pm_card_visa": Method("4242424242424242"),
    "pm_card_visa_debit": Method("4000056655665556", funding="debit"),
    "pm_card_mastercard": Method("5555555555554444", "mastercard"),
    "pm_card_mastercard_debit": Method("5200828282828210", "mastercard", "debit"),
    "pm_card_mastercard_prepaid": Method("5105105105105100", "mastercard", "prepaid"),
    "pm_card_amex": Method("378282246310005", "amex"),
    "pm_card_discover": Method("6011111111111117", "discover"),
    "pm_card_diners": Method("3056930009020004", "diners"),
    "pm_card_jcb": Method("3566002020360505", "jcb", country="JP"),
    "pm_card_unionpay": Method("6200000000000005", "unionpay", country="CN"),
    "pm_card_in": Method("4000003560000008", country="IN"),
    "pm_card_gb": Method("4000008260000000", country="GB"),
    "pm_card_de": Method("4000002760000016", country="DE"),
    "pm_card_bypassPending": Method("4000000000000077"),
    "pm_card_chargeDeclined": Method("4000000000000002", decline=GENERIC),
    "pm_card_chargeDeclinedInsufficientFunds": Method("4000000000009995", decline=_FUNDS),
    "pm_card_chargeDeclinedLostCard": Method("4000000000009987", decline=_LOST),
    "pm_card_chargeDeclinedStolenCard": Method("4000000000009979", decline=_STOLEN),
    "pm_card_chargeDeclinedFraudulent": Method("4100000000000019", decline=_FRAUD),
    "pm_card_chargeDeclinedVelocityLimitExceeded": Method("4000000000006975", decline=_OFTEN),
    "pm_card_chargeDeclinedExpiredCard": Method("4000000000000069", decline=_EXPIRED),
    "pm_card_chargeDeclinedIncorrectCvc": Method("4000000000000127", decline=_CVC),
    "pm_card_chargeDeclinedProcessingError": Method("4000000000000119", decline=_PROCESSING),
    "pm_card_chargeCustomerFail": Method("4000000000000341", decline=GENERIC),
    "pm_card_radarBlock": Method("4100000000000019", decline=_FRAUD),
    "pm_card_authenticationRequired": Method("4000002760003184", authenticate=True),
    "pm_card_authenticationRequiredOnSetup": Method("4000002500003155", authenticate=True),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Method(
        "4000008260003178", decline=_FUNDS, authenticate=True
    ),
    "pm_card_threeDSecure2Required": Method("4000000000003220", authenticate=True),
    "pm_card_threeDSecureRequired": Method("4000000000003063", authenticate=True),
    "pm_card_threeDSecureRequiredChargeDeclined": Method("4000008400001629", decline=GENERIC, authenticate=True),
    "pm_card_threeDSecureOptional": Method("4000000000003055"),
    "pm_card_pendingRefund": Method("4000000000007726", refunding=Refunding.PENDING),
    "pm_card_refundFail": Method("4000000000005126", refunding=Refunding.FAILING),
    "pm_usBankAccount_success": Method("000123456789", bank=True, refunding=Refunding.PENDING),
    "pm_usBankAccount_insufficientFunds": Method("000222222227", bank=True, decline=_BANK_FUNDS),
    "pm_usBankAccount_processing": Method("000888888883", bank=True, settles=False),
}
_MORE_NUMBERS: Final = (
    Method("2223003122003222", "mastercard"),
    Method("371449635398431", "amex"),
    Method("6011000990139424", "discover"),
)
_BY_NUMBER: Final = {method.number: method for method in (*METHODS.values(), *_MORE_NUMBERS)}


def named(name: str) -> Method | None:
    """The test method of that name. The newer names carry the brand: `pm_card_visa_chargeDeclined`."""
    return METHODS.get(name) or METHODS.get(name.replace("pm_card_visa_", "pm_card_", 1))


def numbered(number: str) -> Method:
    """The method of a number. A real card is declined in test mode (docs.stripe.com/testing#use-test-cards)."""
    return _BY_NUMBER.get(number) or Method(number, "unknown", decline=_LIVE)
