"""What orders may have, what is held for them, and what is held for too long."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain import CLOCK_SKEW, Offer
from catalog.models import Holding, Reservation
from common.db import fetch
from common.errors import NotYet
from common.money import Money

# The rows that orders contend for are locked in the order of their ids, so that two carts never wait for each other.
# Limits that were set since an order was priced do not bind it: orders has judged it by those it knew.
_OFFERS = """
WITH counted AS MATERIALIZED (
    SELECT variant_id, on_hand - reserved AS free FROM stock WHERE variant_id = ANY($1::uuid[])
    ORDER BY variant_id FOR UPDATE
)
SELECT v.id, v.product_id, p.kind, p.status = 'active' AND v.active AS active, c.free, r.amount, r.currency,
    p.min_quantity, p.max_quantity, p.limits_at > $2::timestamptz - $3::interval AS limits_new
FROM variants v
JOIN products p ON p.id = v.product_id
LEFT JOIN counted c ON c.variant_id = v.id
LEFT JOIN product_prices r ON r.variant_id = v.id
    AND r.valid_from <= $2::timestamptz + $3::interval
    AND (r.valid_to IS NULL OR r.valid_to >= $2::timestamptz - $3::interval)
WHERE v.id = ANY($1::uuid[])
"""


async def list_offers(session: AsyncSession, variant_ids: Iterable[UUID], at: datetime) -> dict[UUID, Offer]:
    """Return the variants as they could be had at that time, their stock locked to the end of the transaction."""
    rows = await fetch(session, _OFFERS, list(variant_ids), at, CLOCK_SKEW)
    prices: dict[UUID, set[Money]] = {}
    for row in rows:
        valid = prices.setdefault(row["id"], set())
        if row["currency"] is not None:
            valid.add(Money(row["amount"], row["currency"]))
    return {row["id"]: _offer(row, frozenset(prices[row["id"]])) for row in rows}


def _offer(row: asyncpg.Record, prices: frozenset[Money]) -> Offer:
    limits = {} if row["limits_new"] else {"least": row["min_quantity"], "most": row["max_quantity"]}
    return Offer(row["product_id"], row["kind"], row["active"], prices, row["free"], **limits)


async def get_holding(session: AsyncSession, order_id: UUID) -> Holding:
    """Return what is held for an order, locked; raises NotYet when the order has not been heard of."""
    holding = await session.get(Holding, order_id, with_for_update=True)
    if holding is None:
        message = f"order {order_id} has not been seen"
        raise NotYet(message)
    return holding


async def list_reservations(session: AsyncSession, order_id: UUID) -> Sequence[Reservation]:
    """Return an order's reservations in the order of the variants' ids."""
    query = select(Reservation).where(Reservation.order_id == order_id).order_by(Reservation.variant_id)
    return (await session.scalars(query)).all()


_OVERDUE = """
SELECT order_id, expires_at FROM holdings WHERE status = 'active' AND expires_at < $1 ORDER BY expires_at LIMIT 100
"""


async def list_overdue(session: AsyncSession, before: datetime) -> list[asyncpg.Record]:
    """Return up to a hundred active holdings whose orders should have ended before that time."""
    return await fetch(session, _OVERDUE, before)
