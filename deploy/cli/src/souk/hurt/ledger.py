"""What the clients were told: every 2xx they got is remembered here, and at the end the books must keep it."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final
from uuid import UUID

import asyncpg

from common.db import plain_dsn
from souk.hurt.customers import Customer

Json = Mapping[str, Any]
KEY: Final = "purchase"  # the name under which an order's metadata keep its purchase's key
_PAID: Final = frozenset({"paid", "fulfilled"})
_ORDERS: Final = """
SELECT id, user_id, status, total, currency, refunded, metadata->>'purchase' AS key
FROM orders WHERE metadata ? 'purchase'
"""
_TAKEN: Final = "SELECT payment_id FROM captures"
_ATTEMPTS: Final = "SELECT order_id, max(attempt) AS last FROM payments GROUP BY order_id"
_UNSHIPPED: Final = "SELECT order_id FROM order_lines WHERE kind <> 'digital' AND delivered_at IS NULL"
_MAILED: Final = """
SELECT split_part(cause, ':', 2)::uuid AS order_id, count(*) AS count FROM notifications
WHERE cause LIKE 'order.paid:%' AND status IN ('sent', 'unknown') GROUP BY 1
"""
_STEPS: Final = "SELECT order_id, went_to FROM order_transitions ORDER BY order_id, version"


@dataclass(slots=True)
class Purchase:
    """One intention to buy: its key, what its client was told in the order it was told, and how it ended."""

    key: str
    user_id: UUID
    answers: list[Json] = field(default_factory=list)
    captured: bool = False
    payments: dict[str, str] = field(default_factory=dict)  # what was told of each that was brought back to the shop
    given_back: bool = False
    shipped: bool = False
    placed_in: float | None = None
    paid_in: float | None = None
    outcome: str = "under way"
    began: float = field(default_factory=time.monotonic)

    def remember(self, order: Json) -> None:
        """Keep a 2xx."""
        self.answers.append(order)

    @property
    def status(self) -> str | None:
        """The last status the client was told."""
        return self.answers[-1]["status"] if self.answers else None


@dataclass(frozen=True, slots=True)
class Books:
    """What the services' books say, by order."""

    orders: Mapping[UUID, Json]
    steps: Mapping[UUID, Sequence[str]]
    unshipped: frozenset[UUID]
    mailed: Mapping[UUID, int]
    users: frozenset[str]
    taken: frozenset[UUID]
    attempts: Mapping[UUID, int]


@dataclass(slots=True)
class Ledger:
    """Everything any client was told."""

    purchases: list[Purchase] = field(default_factory=list)
    accounts: list[Customer] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)

    async def check(self, databases: Mapping[str, str]) -> list[str]:
        """Return one sentence per 2xx that the books do not keep."""
        books = await _read(databases)
        broken = [sentence for purchase in self.purchases for sentence in broken_by(purchase, books)]
        copies = Counter(row["key"] for row in books.orders.values())
        broken += [f"the key {key} made {count} orders" for key, count in copies.items() if count > 1]
        broken += [
            f"the account {account.email} is gone" for account in self.accounts if account.email not in books.users
        ]
        return [*self.lies, *broken]

    def outcomes(self) -> Counter[str]:
        """Return how the purchases ended."""
        return Counter(purchase.outcome for purchase in self.purchases)

    def latencies(self) -> str:
        """Return the client's waits as words."""
        placed = [purchase.placed_in for purchase in self.purchases if purchase.placed_in is not None]
        paid = [purchase.paid_in for purchase in self.purchases if purchase.paid_in is not None]
        return f"order placed {percentiles(placed)}; card to paid {percentiles(paid)}"


def broken_by(purchase: Purchase, books: Books) -> Iterator[str]:
    """Yield a sentence for each promise made to this buyer that the books do not keep."""
    ids = {UUID(answer["id"]) for answer in purchase.answers}
    if len(ids) > 1:
        yield f"the key {purchase.key} was answered with {len(ids)} orders"
    for id_ in ids:
        order = books.orders.get(id_)
        if order is None or order["user_id"] != purchase.user_id or order["key"] != purchase.key:
            yield f"order {id_}, answered to {purchase.key}, is not in the books"
        else:
            yield from _differs(purchase, order, books)


def _differs(purchase: Purchase, order: Json, books: Books) -> Iterator[str]:
    id_, total = order["id"], {"amount": order["total"], "currency": order["currency"]}
    told = [answer["status"] for answer in purchase.answers]
    if not _in_order(told, books.steps[id_]):
        yield f"order {id_} was told as {_short(told)}, and went through {', '.join(books.steps[id_])}"
    if any(answer["total"] != total for answer in purchase.answers):
        yield f"order {id_} was told with another total"
    if purchase.captured and order["status"] not in {*_PAID, "refunded", "cancelled", "expired"}:
        yield f"order {id_} is {order['status']}, and its buyer has paid"
    if purchase.shipped and id_ in books.unshipped:
        yield f"order {id_} was told as shipped, and is not"
    if purchase.given_back and not order["refunded"]:
        yield f"order {id_} was told to be given back, and is not"
    yield from _unpaid(purchase, id_, books)
    if not _PAID.isdisjoint(told) and books.mailed.get(id_) != 1:
        yield f"order {id_} was told as paid, and its buyer was mailed {books.mailed.get(id_, 0)} times"


def _unpaid(purchase: Purchase, id_: UUID, books: Books) -> Iterator[str]:
    """Yield what was told of its payments and is not so."""
    asked = max(((answer.get("payment") or {}).get("attempt", 0) for answer in purchase.answers), default=0)
    if asked > books.attempts.get(id_, 0):
        yield f"order {id_} was told with attempt {asked}, and payments knows {books.attempts.get(id_, 0)}"
    for payment, status in purchase.payments.items():
        if status == "succeeded" and UUID(payment) not in books.taken:
            yield f"payment {payment} was told as succeeded, and no money of it is booked"


def _in_order(told: Sequence[str], went: Sequence[str]) -> bool:
    """Whether the order was in these states one after the other."""
    place = 0
    for status in told:
        while place < len(went) and went[place] != status:
            place += 1
        if place == len(went):
            return False
    return True


def _short(told: Sequence[str]) -> str:
    return ", ".join(status for place, status in enumerate(told) if place == 0 or told[place - 1] != status)


def percentiles(seconds: Sequence[float]) -> str:
    """Return the median and the hundredth that waited longest as words."""
    if len(seconds) < 2:  # noqa: PLR2004 - the fewest that have quantiles
        return "never"
    cuts = quantiles(seconds, n=100)
    return f"p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s"


async def _read(databases: Mapping[str, str]) -> Books:
    steps: defaultdict[UUID, list[str]] = defaultdict(list)
    for row in await _rows(databases["orders"], _STEPS):
        steps[row["order_id"]].append(row["went_to"])
    return Books(
        orders={row["id"]: row for row in await _rows(databases["orders"], _ORDERS)},
        steps=steps,
        unshipped=frozenset(row["order_id"] for row in await _rows(databases["orders"], _UNSHIPPED)),
        mailed={row["order_id"]: row["count"] for row in await _rows(databases["notifier"], _MAILED)},
        taken=frozenset(row["payment_id"] for row in await _rows(databases["payments"], _TAKEN)),
        attempts={row["order_id"]: row["last"] for row in await _rows(databases["payments"], _ATTEMPTS)},
        users=frozenset(row["email"] for row in await _rows(databases["auth"], "SELECT email FROM users")),
    )


async def _rows(url: str, sql: str) -> Sequence[Json]:
    connection = await asyncpg.connect(plain_dsn(url), timeout=10)
    try:
        found: Sequence[Json] = await connection.fetch(sql)
        return found
    finally:
        await connection.close()
