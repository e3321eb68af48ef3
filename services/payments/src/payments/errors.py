"""How payments can fail towards its callers."""

from common.errors import BadRequest, Invalid, NotFound


class PaymentNotFound(NotFound):
    """There is no such payment, or it is not yours."""


class SignatureInvalid(BadRequest):
    """The signature is missing, not ours, or older than five minutes."""


class ProviderNotConfigured(Invalid):
    """This way to pay is not available in this shop."""


class MalformedWebhook(BadRequest):
    """The webhook's body is no event."""


class UnknownOutcome(Exception):  # noqa: N818 - names what is known
    """The provider gave no usable answer: whether it did what was asked must be found out, with the same key."""


class NotAllowed(UnknownOutcome):
    """The provider refuses our credentials: nothing was done, and an operator must mend them."""


class Refused(Exception):  # noqa: N818 - names what happened
    """The provider understood the request and refused it for good; `reason` is the provider's code."""

    def __init__(self, reason: str, sentence: str = "") -> None:
        super().__init__(f"{reason}: {sentence}"[:500])
        self.reason = reason


class Unreadable(Exception):  # noqa: N818 - names what the event is
    """A genuine event, or an answer, whose content does not have the shape the provider documents."""
