"""What is true of payments without any machine: states, allowed moves, and facts in our words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from common.money import Money


class Status(StrEnum):
    """Where a payment stands."""

    INTENDED = "intended"
    UNKNOWN = "unknown"
    OPEN = "open"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    MISMATCHED = "mismatched"


class RefundStatus(StrEnum):
    """Where a refund stands."""

    INTENDED = "intended"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class EventStatus(StrEnum):
    """What became of a stored provider event."""

    STORED = "stored"
    UNMATCHED = "unmatched"
    APPLIED = "applied"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"


UNOPENED: Final = frozenset({Status.INTENDED, Status.UNKNOWN})
AT_PROVIDER: Final = frozenset({Status.OPEN, Status.PROCESSING, Status.AUTHORIZED})
LIVE: Final = UNOPENED | AT_PROVIDER

_MONEY: Final = frozenset({Status.SUCCEEDED, Status.MISMATCHED})
MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.INTENDED: frozenset({Status.UNKNOWN, Status.OPEN, Status.FAILED, Status.CANCELLED, Status.MISMATCHED}),
    Status.UNKNOWN: frozenset({Status.OPEN, Status.FAILED, Status.CANCELLED, Status.MISMATCHED}),
    Status.OPEN: frozenset({Status.PROCESSING, Status.AUTHORIZED, Status.SUPERSEDED, Status.CANCELLED}) | _MONEY,
    Status.PROCESSING: frozenset({Status.OPEN, Status.AUTHORIZED, Status.CANCELLED}) | _MONEY,
    Status.AUTHORIZED: frozenset({Status.OPEN, Status.CANCELLED}) | _MONEY,
    Status.SUPERSEDED: _MONEY,
    Status.CANCELLED: _MONEY,  # money is never overlooked, however late
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.MISMATCHED: frozenset(),
}
REFUND_MOVES: Final[dict[RefundStatus, frozenset[RefundStatus]]] = {
    RefundStatus.INTENDED: frozenset(RefundStatus) - {RefundStatus.INTENDED},
    RefundStatus.UNKNOWN: frozenset({RefundStatus.PENDING, RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.PENDING: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.SUCCEEDED: frozenset({RefundStatus.FAILED}),  # the one backward move: the buyer's bank sent it back
    RefundStatus.FAILED: frozenset(),
}

Kind = Literal[
    "opened",
    "processing",
    "authorized",
    "captured",
    "declined",
    "cancelled",
    "refund_pending",
    "refund_succeeded",
    "refund_failed",
]
# What a fact came to: a change, nothing new, or no object of ours that it could be about.
Effect = Literal["applied", "known", "unmatched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFact:
    """What a provider says of one of its objects, in our words.

    `object_ref` is the provider's id of the object, `subject` our id of the payment or refund it was made for, `money`
    the amount the provider names in ISO minor units, `at` when it was so (to the second), `capture_ref` and `try_ref`
    the provider's ids of the capture and of the try.
    """

    provider: str
    kind: Kind
    object_ref: str
    subject: UUID
    money: Money
    livemode: bool
    at: datetime
    capture_ref: str = ""
    try_ref: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take; all of it already divided by the pace."""

    polls: tuple[timedelta, ...]
    key_lifetime: timedelta
    lease: timedelta
    unmatched_for: timedelta
    backfill_every: timedelta
    backfill_overlap: timedelta
    first_retry: timedelta
    longest_retry: timedelta
    tick: timedelta

    def next_poll(self, polls: int) -> timedelta:
        """Return how long after so many polls the next one is due."""
        return self.polls[min(polls, len(self.polls) - 1)]

    def retry(self, attempts: int) -> timedelta:
        """Return how long to wait after so many attempts: doubled each time, up to the longest."""
        return min(self.longest_retry, self.first_retry * 2.0 ** min(max(attempts - 1, 0), 20))
