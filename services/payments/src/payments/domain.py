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


class CaptureStatus(StrEnum):
    """What became of money that came: the order's own, too much, or not what was asked for."""

    ACCEPTED = "accepted"
    SURPLUS = "surplus"
    MISMATCHED = "mismatched"


class EventStatus(StrEnum):
    """What became of a stored provider event; a foreign one speaks of money that is not ours, as far as is known."""

    STORED = "stored"
    UNMATCHED = "unmatched"
    APPLIED = "applied"
    IGNORED = "ignored"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


UNOPENED: Final = frozenset({Status.INTENDED, Status.UNKNOWN})
AT_PROVIDER: Final = frozenset({Status.OPEN, Status.PROCESSING, Status.AUTHORIZED})
LIVE: Final = UNOPENED | AT_PROVIDER
# Where the provider can be asked whether money has come after all.
ASKABLE: Final = AT_PROVIDER | {Status.SUPERSEDED, Status.CANCELLED, Status.MISMATCHED}

# However many people say that a payment was made, its provider is asked once in this time.
LOOK_PAUSE: Final = timedelta(seconds=3)

_MONEY: Final = frozenset({Status.SUCCEEDED, Status.MISMATCHED})
MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.INTENDED: frozenset({Status.UNKNOWN, Status.OPEN, Status.FAILED, Status.CANCELLED, Status.MISMATCHED}),
    Status.UNKNOWN: frozenset({Status.OPEN, Status.FAILED, Status.CANCELLED, Status.MISMATCHED}),
    Status.OPEN: frozenset({Status.PROCESSING, Status.AUTHORIZED, Status.SUPERSEDED, Status.CANCELLED}) | _MONEY,
    Status.PROCESSING: frozenset({Status.OPEN, Status.AUTHORIZED, Status.SUPERSEDED, Status.CANCELLED}) | _MONEY,
    Status.AUTHORIZED: frozenset({Status.OPEN, Status.SUPERSEDED, Status.CANCELLED}) | _MONEY,
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
    "left_open",
    "refund_pending",
    "refund_succeeded",
    "refund_failed",
]
REFUND_KINDS: Final[dict[Kind, RefundStatus]] = {
    "refund_pending": RefundStatus.PENDING,
    "refund_succeeded": RefundStatus.SUCCEEDED,
    "refund_failed": RefundStatus.FAILED,
}
# What a fact came to: a change, nothing new, no object of ours that it could be about (yet), or money of somebody else.
Effect = Literal["applied", "known", "unmatched", "foreign"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFact:
    """What a provider says of one of its objects, in our words.

    `object_ref` is the provider's id of the object: what the payment was opened as, the money's own object inside it,
    or the refund. `subject` is our id of the payment or refund, None where the object does not carry it. `money` is the
    amount the provider names in ISO minor units, `at` when it was so (to the second). `capture_ref` is the provider's
    id of the money that came, the same in whatever object it is spoken of: of a capture, or of what a refund gives
    back. `try_ref` names a declined try.

    `left_open` answers a closing: nothing has been paid, and the provider cannot close the object.
    """

    provider: str
    kind: Kind
    object_ref: str
    subject: UUID | None
    money: Money
    livemode: bool
    at: datetime
    capture_ref: str = ""
    try_ref: str = ""
    reason: str = ""

    @property
    def about(self) -> str:
        """What must be known here for the fact to be understood: our id, or else the provider's."""
        if self.subject is not None:
            return str(self.subject)
        return self.capture_ref if self.kind in REFUND_KINDS else self.object_ref


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
    watch_after_end: timedelta

    def next_poll(self, polls: int) -> timedelta:
        """Return how long after so many polls the next one is due."""
        return self.polls[min(polls, len(self.polls) - 1)]

    def last_look(self, superseded_at: datetime) -> datetime:
        """Return until when a payment that could not be closed is looked at."""
        return superseded_at + self.watch_after_end

    def retry(self, attempts: int) -> timedelta:
        """Return how long to wait after so many attempts: doubled each time, up to the longest."""
        return min(self.longest_retry, self.first_retry * 2.0 ** min(max(attempts - 1, 0), 20))
