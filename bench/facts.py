"""The fact that is sent through the machinery here: as large as a middling event of ours."""

from datetime import datetime
from uuid import UUID

from common.db import now
from common.events import Event, new_id
from common.money import Money
from common.testing import encode


class Sold(Event, wire="bench.sold", subject="order_id"):
    """Something was sold."""

    order_id: UUID
    number: str
    user_id: UUID
    total: Money
    provider: str
    status: str
    lines: list[dict[str, str]]
    sold_at: datetime


class SoldMany(Sold, wire="bench.sold_many", subject="order_id"):
    """The same, heard by a handler that works in sets."""


class SoldCore(Sold, wire="bench.sold_core", subject="order_id"):
    """The same, heard by a handler that goes through SQLAlchemy."""


KINDS: tuple[type[Sold], ...] = (Sold, SoldMany, SoldCore)
EXTRA_TABLES = (
    "CREATE TABLE effects (subject uuid NOT NULL, amount bigint NOT NULL)",
    "CREATE TABLE seen (id uuid PRIMARY KEY)",
)


def a_sale(kind: type[Sold] = Sold) -> Sold:
    """Return a sale of two lines."""
    line = {"line_id": str(new_id()), "product_id": str(new_id()), "name": "Dunes at dawn", "kind": "digital"}
    return kind(
        order_id=new_id(),
        number="261121-7GKX2M9Q",
        user_id=new_id(),
        total=Money(2599, "USD"),
        provider="stripe",
        status="paid",
        lines=[line, line],
        sold_at=now(),
    )


def bodies(count: int, kind: type[Sold] = Sold) -> list[bytes]:
    """Return encoded envelopes, each with an id of its own."""
    return [encode(a_sale(kind)) for _ in range(count)]
