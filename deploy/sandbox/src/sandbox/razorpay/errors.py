"""The errors of Razorpay's API, shaped as razorpay.com/docs/errors says."""

from dataclasses import dataclass
from typing import Final

from sandbox.provider import JsonObject

_CONFLICT: Final = 409
_TOO_MANY: Final = 429
_GATEWAY: Final = frozenset({502, 504})


@dataclass(frozen=True)
class Answer:
    """An answer of the API before it becomes HTTP."""

    status: int
    body: JsonObject


@dataclass(frozen=True)
class Why:
    """Where and why something failed, in Razorpay's four words."""

    source: str | None = "business"
    step: str | None = "payment_initiation"
    reason: str | None = "input_validation_failed"
    code: str = "BAD_REQUEST_ERROR"


INPUT: Final = Why()
NA: Final = Why("NA", "NA", "NA")


class RazorpayError(Exception):
    """A refused request; nothing of it is kept."""

    def __init__(
        self,
        description: str,
        *,
        why: Why = INPUT,
        status: int = 400,
        field: str | None = None,
        metadata: JsonObject | None = None,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.why = why
        self.status = status
        self.field = field
        self.metadata = metadata or {}

    def answer(self) -> Answer:
        """The answer that tells the client."""
        error: JsonObject = {
            "code": self.why.code,
            "description": self.description,
            "source": self.why.source,
            "step": self.why.step,
            "reason": self.why.reason,
            "metadata": self.metadata,
        }
        if self.field is not None:
            error["field"] = self.field
        return Answer(self.status, {"error": error})


def invalid(field: str, description: str) -> RazorpayError:
    """A parameter that cannot be taken."""
    return RazorpayError(description, field=field)


def unauthorized(description: str) -> RazorpayError:
    """No or wrong credentials (razorpay.com/docs/api/authentication)."""
    return RazorpayError(description, why=NA, status=401)


def unknown_id() -> RazorpayError:
    """An identifier nothing has (razorpay.com/docs/api/payments/capture#errors)."""
    return RazorpayError("The id provided does not exist")


def already_paid(metadata: JsonObject | None = None) -> RazorpayError:
    """The order has its one captured payment (razorpay.com/docs/api/payments/capture#errors)."""
    return RazorpayError(
        "Your payment has been declined as the order is already paid. Please initiate the payment with a new order.",
        metadata=metadata,
    )


def key_used_otherwise() -> RazorpayError:
    """An idempotency key seen before with another body (razorpay.com/docs/api/refunds/normal-refunds-idempotent)."""
    message = "Different request with the same idempotency key has already been processed."
    return RazorpayError(message, why=NA, status=_CONFLICT)


def key_in_use() -> RazorpayError:
    """An idempotency key whose request is still running (razorpay.com/docs/api/refunds/normal-refunds-idempotent)."""
    message = "Another request with the same idempotency key is still in progress."
    return RazorpayError(message, why=NA, status=_CONFLICT)


def trouble(status: int) -> RazorpayError:
    """What chaos answers instead of executing: SERVER_ERROR, GATEWAY_ERROR, or a BAD_REQUEST_ERROR for all 4xx."""
    if status == _TOO_MANY:
        return RazorpayError("Request failed. Please try after sometime.", why=NA, status=status)
    if status == _CONFLICT:
        return RazorpayError("Request failed because another operation is in progress.", why=NA, status=status)
    if status in _GATEWAY:
        why = Why("gateway", "payment_authorization", "gateway_technical_error", "GATEWAY_ERROR")
        return RazorpayError("Payment processing failed due to error at bank or wallet gateway", why=why, status=status)
    code = "SERVER_ERROR" if status >= 500 else "BAD_REQUEST_ERROR"  # noqa: PLR2004 - the 5xx range
    message = "We are facing some trouble completing your request at the moment. Please try again shortly."
    return RazorpayError(message, why=Why("internal", None, "server_error", code), status=status)
