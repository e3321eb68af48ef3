"""Every question catalog asks its database; those that visitors or orders ask often are compiled SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain import CLOCK_SKEW, GrantStatus, Offer
from catalog.errors import ProductNotFound
from catalog.models import Grant, Holding, Product, ProductPrice, Reservation
from common.db import fetch
from common.errors import NotYet
from common.money import Money

_PRODUCT = """
SELECT p.id, p.seller_id, p.kind, p.name, p.description, p.amount, p.currency, s.on_hand - s.reserved AS stock,
    p.active, p.category, p.tags, p.images, p.metadata, p.version, p.created_at, p.updated_at
FROM products p LEFT JOIN stock s ON s.product_id = p.id
"""
_CATEGORIES = """
SELECT category AS name, count(*) AS products FROM products WHERE active AND category IS NOT NULL
GROUP BY category ORDER BY category LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which active products to list; what is None does not narrow the list."""

    kind: str | None = None
    category: str | None = None
    seller_id: UUID | None = None


async def list_products(session: AsyncSession, shelf: Shelf, after: UUID | None, limit: int) -> list[asyncpg.Record]:
    """Return up to `limit + 1` active products as they stand, newest first."""
    wanted = {"kind =": shelf.kind, "category =": shelf.category, "seller_id =": shelf.seller_id, "id <": after}
    given = {test: value for test, value in wanted.items() if value is not None}
    where = "".join(f" AND p.{test} ${place}" for place, test in enumerate(given, 1))
    sql = f"{_PRODUCT} WHERE p.active{where} ORDER BY p.id DESC LIMIT {limit + 1:d}"
    return await fetch(session, sql, *given.values())


async def get_product(
    session: AsyncSession, product_id: UUID, viewer: UUID | None = None, *, sees_all: bool = False
) -> asyncpg.Record:
    """Return a product as it stands; an archived one only to its seller or who sees all. Raises ProductNotFound."""
    rows = await fetch(session, f"{_PRODUCT} WHERE p.id = $1", product_id)
    if not rows or not (rows[0]["active"] or sees_all or rows[0]["seller_id"] == viewer):
        raise ProductNotFound
    return rows[0]


async def get_product_to_change(session: AsyncSession, product_id: UUID, seller_id: UUID | None) -> Product:
    """Return a product of this seller (None: of anybody), locked; raises ProductNotFound."""
    # Orders in flight refer to the product by foreign key: its id is not about to change, so they need not wait.
    product = await session.get(Product, product_id, with_for_update={"key_share": True})
    if product is None or seller_id not in {None, product.seller_id}:
        raise ProductNotFound
    return product


async def get_current_price(session: AsyncSession, product_id: UUID) -> ProductPrice:
    """Return the price that has no end."""
    query = select(ProductPrice).where(ProductPrice.product_id == product_id, ProductPrice.valid_to.is_(None))
    return (await session.scalars(query)).one()


async def list_categories(session: AsyncSession) -> list[asyncpg.Record]:
    """Return the names of the categories that have active products, and how many."""
    return await fetch(session, _CATEGORIES)


# The rows that orders contend for are locked in the order of their ids, so that two carts never wait for each other.
_OFFERS = """
WITH counted AS MATERIALIZED (
    SELECT product_id, on_hand - reserved AS free FROM stock WHERE product_id = ANY($1::uuid[])
    ORDER BY product_id FOR UPDATE
)
SELECT p.id, p.kind, p.active, c.free, v.amount, v.currency
FROM products p
LEFT JOIN counted c ON c.product_id = p.id
LEFT JOIN product_prices v ON v.product_id = p.id
    AND v.valid_from <= $2::timestamptz + $3::interval
    AND (v.valid_to IS NULL OR v.valid_to >= $2::timestamptz - $3::interval)
WHERE p.id = ANY($1::uuid[])
"""
_FREE = """
SELECT product_id, on_hand - reserved AS free FROM stock WHERE product_id = ANY($1::uuid[])
ORDER BY product_id FOR UPDATE
"""


async def list_offers(session: AsyncSession, product_ids: Iterable[UUID], at: datetime) -> dict[UUID, Offer]:
    """Return the products as they could be had at that time, their stock locked to the end of the transaction."""
    rows = await fetch(session, _OFFERS, list(product_ids), at, CLOCK_SKEW)
    prices: dict[UUID, set[Money]] = {}
    for row in rows:
        valid = prices.setdefault(row["id"], set())
        if row["currency"] is not None:
            valid.add(Money(row["amount"], row["currency"]))
    return {row["id"]: Offer(row["kind"], row["active"], frozenset(prices[row["id"]]), row["free"]) for row in rows}


async def list_free(session: AsyncSession, product_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the free pieces of counted products, locked to the end of the transaction."""
    if not product_ids:
        return {}
    return {row["product_id"]: row["free"] for row in await fetch(session, _FREE, product_ids)}


async def get_holding(session: AsyncSession, order_id: UUID) -> Holding:
    """Return what is held for an order, locked; raises NotYet when the order has not been heard of."""
    holding = await session.get(Holding, order_id, with_for_update=True)
    if holding is None:
        message = f"order {order_id} has not been seen"
        raise NotYet(message)
    return holding


async def list_reservations(session: AsyncSession, order_id: UUID) -> Sequence[Reservation]:
    """Return an order's reservations in the order of the products' ids."""
    query = select(Reservation).where(Reservation.order_id == order_id).order_by(Reservation.product_id)
    return (await session.scalars(query)).all()


async def list_live_grants(session: AsyncSession, order_id: UUID) -> Sequence[Grant]:
    """Return an order's grants that have not been taken back."""
    query = select(Grant).where(Grant.order_id == order_id, Grant.status == GrantStatus.GRANTED).order_by(Grant.id)
    return (await session.scalars(query)).all()


async def list_downloads(session: AsyncSession, user_id: UUID, after: UUID | None, limit: int) -> Sequence[Grant]:
    """Return up to `limit + 1` of a buyer's grants, newest first."""
    query = select(Grant).where(Grant.user_id == user_id).order_by(Grant.id.desc()).limit(limit + 1)
    return (await session.scalars(query if after is None else query.where(Grant.id < after))).all()


_OVERDUE = """
SELECT order_id, expires_at FROM holdings WHERE status = 'active' AND expires_at < $1 ORDER BY expires_at LIMIT 100
"""


async def list_overdue(session: AsyncSession, before: datetime) -> list[asyncpg.Record]:
    """Return up to a hundred active holdings whose orders should have ended before that time."""
    return await fetch(session, _OVERDUE, before)
