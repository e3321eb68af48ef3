"""What is true of orders without any machine: states, allowed moves, numbers and sums."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final
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
    REFUNDED = "refunded"


MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.AWAITING_PAYMENT, Status.PAID, Status.REJECTED, Status.EXPIRED}),
    Status.AWAITING_PAYMENT: frozenset({Status.PAID, Status.CLOSING, Status.CANCELLED}),
    Status.CLOSING: frozenset({Status.PAID, Status.EXPIRED, Status.CANCELLED}),
    Status.PAID: frozenset({Status.FULFILLED, Status.REFUNDED}),
    Status.FULFILLED: frozenset({Status.REFUNDED}),
    Status.EXPIRED: frozenset({Status.PAID}),  # money that came late, while there is still stock
    Status.REJECTED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.REFUNDED: frozenset(),
}
PAYABLE: Final = frozenset(status for status, moves in MOVES.items() if Status.PAID in moves)


def may_move(current: Status, wanted: Status) -> bool:
    """Say whether an order may go from one state to the other."""
    return wanted in MOVES[current]


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
