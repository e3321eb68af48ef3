"""Counting stock: what sellers bring in and take out, and the word that it runs low."""

from collections.abc import Iterable, Mapping
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.errors import StockIsUnlimited, StockTooLow
from catalog.models import Stock, StockEntry
from catalog.queries import get_variant_to_count, list_free
from common.contracts.catalog import StockLow
from common.db import fetch
from common.outbox import emit

_COUNT = """
UPDATE stock SET on_hand = on_hand + $2 WHERE variant_id = $1 AND on_hand + $2 >= reserved
RETURNING on_hand - reserved AS free
"""
# Of `taken` rows (variant_id, free, quantity), those that fell to the count at which their seller wants to hear of it.
LOW = """
SELECT v.id AS variant_id, p.id AS product_id, p.seller_id, p.name, v.options, taken.free, p.low_stock
FROM taken JOIN variants v ON v.id = taken.variant_id JOIN products p ON p.id = v.product_id
WHERE taken.free <= p.low_stock AND taken.free + taken.quantity > p.low_stock
"""
_COUNTED_OUT = f"WITH taken AS (SELECT $1::uuid AS variant_id, $2::bigint AS free, $3::bigint AS quantity) {LOW}"


def open_stock(session: AsyncSession, stock: Mapping[UUID, int], actor_id: UUID) -> None:
    """Begin to count variants."""
    for variant_id, pieces in stock.items():
        session.add(Stock(variant_id=variant_id, on_hand=pieces))
        entry = StockEntry(variant_id=variant_id, delta=pieces, reason="initial stock", actor_id=actor_id)
        session.add(entry)


async def count_stock(
    session: AsyncSession, product_id: UUID, seller_id: UUID | None, variant_id: UUID | None, entry: StockEntry
) -> int:
    """Add a journal line and what it says to the stock of a product, or of its named variant; return what is free.

    Raises ProductNotFound, VariantNotFound, VariantRequired, StockIsUnlimited, and StockTooLow when it would fall below
    what is reserved.
    """
    entry.variant_id = await get_variant_to_count(session, product_id, seller_id, variant_id)
    rows = await fetch(session, _COUNT, entry.variant_id, entry.delta)
    if not rows:
        free = await list_free(session, [entry.variant_id])
        if not free:
            raise StockIsUnlimited
        raise StockTooLow(free=free[entry.variant_id])
    session.add(entry)
    left: int = rows[0]["free"]
    if entry.delta < 0:
        tell_low(session, await fetch(session, _COUNTED_OUT, entry.variant_id, left, -entry.delta))
    return left


def tell_low(session: AsyncSession, rows: Iterable[asyncpg.Record]) -> None:
    """Tell of variants of which few are left."""
    for row in rows:
        emit(session, _low(row))


def _low(row: asyncpg.Record) -> StockLow:
    return StockLow(
        product_id=row["product_id"],
        variant_id=row["variant_id"],
        seller_id=row["seller_id"],
        name=" – ".join(filter(None, [row["name"], " / ".join(row["options"].values())])),
        free=row["free"],
        threshold=row["low_stock"],
    )
