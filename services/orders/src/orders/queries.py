"""Every SELECT of orders."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orders.domain import Status
from orders.errors import OrderNotFound
from orders.models import Order, Product

_OPEN = (Status.PENDING, Status.AWAITING_PAYMENT, Status.CLOSING)


async def get_order(session: AsyncSession, order_id: UUID, owner: UUID | None = None) -> Order:
    """Return an order, of this owner if one is given; raises OrderNotFound."""
    order = await session.get(Order, order_id)
    if order is None or (owner is not None and order.user_id != owner):
        raise OrderNotFound
    return order


async def find_order_locked(session: AsyncSession, order_id: UUID) -> Order | None:
    """Return an order locked for a change, or None."""
    return await session.get(Order, order_id, with_for_update={"of": Order}, populate_existing=True)


async def get_order_locked(session: AsyncSession, order_id: UUID, owner: UUID | None = None) -> Order:
    """Return an order locked for a change, of this owner if one is given; raises OrderNotFound."""
    order = await find_order_locked(session, order_id)
    if order is None or (owner is not None and order.user_id != owner):
        raise OrderNotFound
    return order


async def list_orders(
    session: AsyncSession, *, owner: UUID | None, status: Status | None, after: UUID | None, limit: int
) -> Sequence[Order]:
    """Return orders, newest first."""
    query = select(Order).order_by(Order.id.desc()).limit(limit)
    if owner is not None:
        query = query.where(Order.user_id == owner)
    if status is not None:
        query = query.where(Order.status == status)
    if after is not None:
        query = query.where(Order.id < after)
    return (await session.scalars(query)).all()


async def list_due_orders(session: AsyncSession, moment: datetime, limit: int) -> Sequence[Order]:
    """Return orders whose time is up, locked, those that others hold left out."""
    query = select(Order).where(Order.due_at <= moment).order_by(Order.due_at).limit(limit)
    return (await session.scalars(query.with_for_update(skip_locked=True, of=Order))).all()


async def list_products(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Product]:
    """Return the products that are known, by id."""
    rows = await session.scalars(select(Product).where(Product.id.in_(set(ids))))
    return {product.id: product for product in rows}


async def count_open_orders(session: AsyncSession, user_id: UUID) -> int:
    """Return how many unpaid orders a user has."""
    query = select(func.count()).where(Order.user_id == user_id, Order.status.in_(_OPEN))
    return (await session.scalars(query)).one()
