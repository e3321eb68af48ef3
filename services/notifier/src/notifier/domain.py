"""What is true of mails without any machine: statuses and their moves, outcomes, back-off, text fit for one line."""

import random
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

Status = Literal["queued", "sending", "sent", "rejected", "unknown"]
Verdict = Literal["accepted", "refused", "deferred", "away", "ambiguous"]
Template = Literal["welcome", "order_paid", "payment_failed", "refunded", "paid_twice", "order_rejected", "stock_low"]

EMAIL: Final = "email"
MOVES: Final[dict[Status, frozenset[Status]]] = {
    "queued": frozenset({"sending", "sent"}),  # sent: learned late by a worker that had lost its lease
    "sending": frozenset({"sent", "rejected", "queued", "unknown"}),
    "unknown": frozenset({"sending", "sent"}),  # sending: the one copy more, under the same Message-ID
    "sent": frozenset(),
    "rejected": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to be sent: `cause` makes it the only one of its kind for its reader, `context` fills the template.

    The context holds no personal data: name and address are read when the mail is sent.
    """

    cause: str
    template: Template
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of handing a mail to the server.

    accepted: it has it. refused: never (5xx). deferred: later (4xx, or cut before the mail itself was sent). away: the
    server cannot be used just now, whatever the mail. ambiguous: the mail was sent and no answer came.
    `code` is the server's reply, 0 without one; `note` names it without any address.
    """

    verdict: Verdict
    code: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How mails that could not be sent are tried again; seconds."""

    first: float = 30
    longest: float = 3600
    away: float = 10
    give_up_after: float = 4 * 86400

    def wait(self, attempts: int) -> timedelta:
        """Return how long to wait after so many attempts: exponential with jitter."""
        seconds = min(self.longest, self.first * 2 ** min(attempts - 1, 20))
        return timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    def wait_for_server(self) -> timedelta:
        """Return when to knock again at a server that is away."""
        return timedelta(seconds=self.away)

    def over(self, age: timedelta) -> bool:
        """Say whether a mail of this age has been deferred for long enough (RFC 5321, 4.5.4.1: four to five days)."""
        return age.total_seconds() > self.give_up_after


_NO_LINE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
_LINK: Final = re.compile(r"://|www\.|[a-z0-9-]\.[a-z]{2,}", re.IGNORECASE)
_LONGEST_NAME: Final = 60


def one_line(text: str) -> str:
    """Return text without line breaks, controls and direction overrides: safe in a header and in a line of a mail."""
    return _NO_LINE.sub(" ", text).strip()


def addressable_name(name: str) -> str:
    """Return a name to greet with; empty when it is a link or a message, as those who abuse sign-up forms write."""
    name = one_line(name)
    return "" if len(name) > _LONGEST_NAME or _LINK.search(name) else name


# The reasons other services give; what is not listed here was written by people and is not repeated to the buyer.
REASONS: Final = {
    "out_of_stock": "Something in your order is no longer in stock.",
    "not_for_sale": "Something in your order is no longer for sale.",
    "unknown_product": "Something in your order is no longer for sale.",
    "price_changed": "A price changed while you were ordering.",
    "currency_mismatch": "The prices in your order are in different currencies.",
    "cancelled": "The order was cancelled.",
    "requested_by_customer": "You asked for it.",
    "duplicate": "The order was paid more than once.",
    "paid_after_end": "The order had ended before your payment came.",
    "payment_mismatch": "What was paid was not what the order cost.",
}
