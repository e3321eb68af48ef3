"""The errors of Stripe's API, shaped as docs.stripe.com/api/errors says."""

from dataclasses import dataclass

from sandbox.provider import JsonObject


@dataclass(frozen=True)
class Answer:
    """An answer of the API before it becomes HTTP."""

    status: int
    body: JsonObject


class StripeError(Exception):
    """A refused request. `stored`: it counts as executed, so its idempotency key replays it."""

    stored = True

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.status = status
        self.kind = "invalid_request_error"
        self.extra: JsonObject = {}

    def answer(self) -> Answer:
        """The answer that tells the client."""
        error: JsonObject = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error |= {
                "code": self.code,
                "doc_url": f"https://docs.stripe.com/error-codes#{self.code.replace('_', '-')}",
            }
        if self.param is not None:
            error["param"] = self.param
        return Answer(self.status, {"error": error | self.extra})


class ParamsError(StripeError):
    """Validation failed, nothing ran, no result is saved (docs.stripe.com/api/idempotent_requests)."""

    stored = False


class AccessError(StripeError):
    """No or a wrong API key (docs.stripe.com/api/authentication)."""

    stored = False


def missing_resource(noun: str, wanted: str, param: str, status: int = 404) -> StripeError:
    """An object that does not exist (docs.stripe.com/error-codes#resource-missing)."""
    return StripeError(f"No such {noun}: '{wanted}'", code="resource_missing", param=param, status=status)


def unexpected_state(message: str, intent: JsonObject) -> StripeError:
    """The intent's status forbids it (docs.stripe.com/error-codes#payment-intent-unexpected-state)."""
    error = StripeError(message, code="payment_intent_unexpected_state")
    error.extra["payment_intent"] = intent
    return error


def key_used_otherwise(key: str) -> StripeError:
    """A key seen before with other parameters (docs.stripe.com/api/idempotent_requests)."""
    error = ParamsError(
        "Keys for idempotent requests can only be used with the same parameters they were first used with."
        f" Try using a key other than '{key}' if you meant to execute a different request."
    )
    error.kind = "idempotency_error"
    return error


def key_in_use(key: str) -> StripeError:
    """A key whose first request is still running (docs.stripe.com/error-codes#idempotency-key-in-use)."""
    error = ParamsError(
        "There is currently another in-progress request using this Idempotent Key"
        f" (that probably means you submitted twice, and the other request is still going through): {key}."
        " Please try again later.",
        code="idempotency_key_in_use",
        status=409,
    )
    error.kind = "idempotency_error"
    return error


def server_trouble(status: int) -> StripeError:
    """What chaos answers instead of executing (docs.stripe.com/api/errors, docs.stripe.com/rate-limits)."""
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return ParamsError("Request rate limit exceeded.", code="rate_limit", status=status)
    if status == 409:  # noqa: PLR2004 - Conflict
        return ParamsError("This object cannot be accessed right now.", code="lock_timeout", status=status)
    error = ParamsError("An unknown error occurred", status=status)
    error.kind = "card_error" if status == 402 else "api_error"  # noqa: PLR2004 - Payment Required
    return error
