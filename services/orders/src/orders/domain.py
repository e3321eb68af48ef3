"""What is true of orders without any machine: states, allowed moves, numbers and sums."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, Self
from uuid import UUID

from common.money import Money

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Status(StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    FULFILLED = "fulfilled"
    REJECTED = "rejected"
    CLOSING = "closing"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class PaymentStatus(StrEnum):
    """Where an order's money stands."""

    NONE = "none"
    PENDING = "pending"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class RefundState(StrEnum):
    """Where one refund of an order stands."""

    ASKED = "asked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.AWAITING_PAYMENT, Status.PAID, Status.REJECTED, Status.EXPIRED})
    | {Status.CANCELLED},
    Status.AWAITING_PAYMENT: frozenset({Status.PAID, Status.CLOSING, Status.CANCELLED, Status.EXPIRED}),
    Status.CLOSING: frozenset({Status.PAID, Status.EXPIRED, Status.CANCELLED}),
    Status.PAID: frozenset({Status.FULFILLED, Status.REFUNDED}),
    Status.FULFILLED: frozenset({Status.REFUNDED}),
    Status.EXPIRED: frozenset({Status.PAID}),  # money that came late, while there is still stock
    Status.REJECTED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.REFUNDED: frozenset(),
}
REFUND_MOVES: Final[dict[RefundState | None, frozenset[RefundState]]] = {
    None: frozenset(RefundState),
    RefundState.ASKED: frozenset({RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.SUCCEEDED: frozenset({RefundState.FAILED}),  # the one backward move: the buyer's bank sent it back
    RefundState.FAILED: frozenset(),
}
# How long an order waits for its payment to be closed, and how long while the buyer's bank is at work.
CLOSES_WITHIN: Final = timedelta(minutes=15)
BANKS_PATIENCE: Final = timedelta(days=7)
# Nothing more is to be expected, but money that comes late or goes back.
ENDED_ORDERS: Final = frozenset({Status.FULFILLED, Status.REJECTED, Status.EXPIRED, Status.CANCELLED, Status.REFUNDED})
PAYABLE: Final = frozenset(status for status, moves in MOVES.items() if Status.PAID in moves)


SOLD: Final = frozenset({Status.PAID, Status.FULFILLED, Status.REFUNDED})  # what was paid is never unsold again


class SaleKind(StrEnum):
    """What befell a line, as its seller counts it."""

    SOLD = "sold"
    REFUNDED = "refunded"
    DOWNLOADED = "downloaded"


class AttemptState(StrEnum):
    """Where an attempt stands, as far as orders has heard."""

    INTENDED = "intended"
    OPEN = "open"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    MISMATCHED = "mismatched"


ENDED: Final = frozenset({AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.MISMATCHED})
# Facts come in any order: an attempt never goes back, but from processing to open when a bank has said no.
_FORWARD: Final = ENDED | {AttemptState.PROCESSING, AttemptState.SUCCEEDED}
ATTEMPT_MOVES: Final[dict[AttemptState, frozenset[AttemptState]]] = {
    AttemptState.INTENDED: _FORWARD | {AttemptState.OPEN},
    AttemptState.OPEN: _FORWARD,
    AttemptState.PROCESSING: ENDED | {AttemptState.OPEN, AttemptState.SUCCEEDED},
    **dict.fromkeys(ENDED, frozenset({AttemptState.SUCCEEDED})),  # money is never overlooked, however late
    AttemptState.SUCCEEDED: frozenset(),
}
_MONEY: Final = {
    AttemptState.INTENDED: PaymentStatus.PENDING,
    AttemptState.OPEN: PaymentStatus.PENDING,
    AttemptState.PROCESSING: PaymentStatus.PROCESSING,
    AttemptState.SUCCEEDED: PaymentStatus.SUCCEEDED,
    **dict.fromkeys(ENDED, PaymentStatus.FAILED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: how it is paid, what its buyer needs for that, and whether its last try was declined."""

    number: int
    provider: str
    flow: str
    state: AttemptState = AttemptState.INTENDED
    payment_id: UUID | None = None
    declined: bool = False
    client_secret: str | None = None
    checkout_url: str | None = None
    razorpay: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether no money is expected of it any more."""
        return self.state in ENDED

    @property
    def under_way(self) -> bool:
        """Whether money is on its way by it, or here."""
        return self.state in {AttemptState.PROCESSING, AttemptState.SUCCEEDED}

    @property
    def money(self) -> PaymentStatus:
        """Where the order's money stands if this attempt counts."""
        if self.declined and self.state in {AttemptState.INTENDED, AttemptState.OPEN}:
            return PaymentStatus.FAILED
        return _MONEY[self.state]

    def may(self, wanted: AttemptState) -> bool:
        """Say whether a fact may bring it there; what may not is late or repeated."""
        return wanted in ATTEMPT_MOVES[self.state]

    def move(self, wanted: AttemptState, payment_id: UUID) -> Self:
        """Return the attempt there; as it is, where that fact is late or repeated."""
        return replace(self, state=wanted, payment_id=payment_id) if self.may(wanted) else self

    def decline(self, payment_id: UUID) -> Self:
        """Return the attempt after a declined try: open for the next one."""
        if self.ended or self.state == AttemptState.SUCCEEDED:
            return self
        state = AttemptState.OPEN if self.state == AttemptState.PROCESSING else self.state
        return replace(self, state=state, declined=True, payment_id=payment_id)

    def kept(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "payment_id": self.payment_id and str(self.payment_id)}

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Self:
        """Return it from JSON."""
        payment_id = kept["payment_id"] and UUID(kept["payment_id"])
        return cls(**{**kept, "state": AttemptState(kept["state"]), "payment_id": payment_id})


def current_of(attempts: Collection[Attempt]) -> Attempt:
    """Return the attempt that counts: the one with money, else one whose money is on its way, else the newest alive.

    When all have ended it is the newest. It depends on what is known of them, not on the order in which it was learned.
    """
    return max(attempts, key=lambda each: (_WEIGHTS.get(each.state, 1), each.number))


_WEIGHTS: Final = {AttemptState.SUCCEEDED: 3, AttemptState.PROCESSING: 2, **dict.fromkeys(ENDED, 0)}


def may_move(current: Status, wanted: Status) -> bool:
    """Say whether an order may go from one state to the other."""
    return wanted in MOVES[current]


@dataclass(frozen=True, slots=True)
class Offer:
    """How a product can be bought: under which name, and for which amount of each currency."""

    name: str
    prices: Mapping[str, int]


def total(prices: Iterable[tuple[Money, int]]) -> Money:
    """Return the sum of unit prices times quantities; raises ValueError for several currencies or nothing at all."""
    amounts = [price.times(quantity) for price, quantity in prices]
    if not amounts:
        message = "an order has at least one line"
        raise ValueError(message)
    return sum(amounts[1:], start=amounts[0])


def number(order_id: UUID, created_at: datetime) -> str:
    """Return what people call the order: its day and 40 random bits of its id, such as 261121-7GKX2M9Q."""
    bits = order_id.int & (1 << 40) - 1
    letters = "".join(_CROCKFORD[bits >> shift & 31] for shift in range(35, -5, -5))
    return f"{created_at:%y%m%d}-{letters}"


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """Return what of an amount falls to each weight: whole units in proportion that add up to it (D'Hondt).

    Of a larger amount nobody gets less, and of the sum of the weights each gets its own: what goes back of an order
    bit by bit adds up for each of its lines, too.
    """
    whole = sum(weights)
    shares = [amount * weight // whole for weight in weights]
    for _ in range(amount - sum(shares)):
        nearest = max(range(len(shares)), key=lambda place: Fraction(weights[place], shares[place] + 1))
        shares[nearest] += 1
    return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesView:
    """Which sales are looked at, from the first day to the last (UTC, both included), and by what they are added up."""

    first: date
    last: date
    by_day: bool = True
    by_product: bool = True
    seller_id: UUID | None = None
    product_id: UUID | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """What was sold, given back and downloaded; of one day and one product unless it is added up over them."""

    day: date | None
    product_id: UUID | None
    name: str | None
    currency: str
    orders: int
    quantity: int
    revenue: int
    refunded: int
    downloads: int
