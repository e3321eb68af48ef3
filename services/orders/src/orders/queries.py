"""Every SELECT of orders."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Date, Select, cast, func, literal_column, null, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from orders.domain import SaleKind, Sales, SalesView, Status
from orders.errors import OrderNotFound
from orders.models import Order, Product, SaleEntry

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


async def list_sales(
    session: AsyncSession, view: SalesView, *, after: Sequence[object] | None, limit: int
) -> Sequence[Sales]:
    """Return sales, newest first, after the group with these keys: its day, its product and its currency."""
    day: ColumnElement[Any] = cast(func.timezone(literal_column("'UTC'"), SaleEntry.at), Date)
    product: ColumnElement[Any] = SaleEntry.product_id.expression
    keys = [*([day] if view.by_day else []), *([product] if view.by_product else []), SaleEntry.currency]
    sold, refunded = SaleEntry.kind == SaleKind.SOLD, SaleEntry.kind == SaleKind.REFUNDED
    query = select(
        (day if view.by_day else null()).label("day"),
        (product if view.by_product else null()).label("product_id"),
        (func.max(Product.name) if view.by_product else null()).label("name"),
        SaleEntry.currency,
        func.count(SaleEntry.order_id.distinct()).filter(sold).label("orders"),
        _sum(SaleEntry.quantity, sold).label("quantity"),
        _sum(SaleEntry.amount, sold).label("revenue"),
        _sum(SaleEntry.amount, refunded).label("refunded"),
        _sum(SaleEntry.quantity, SaleEntry.kind == SaleKind.DOWNLOADED).label("downloads"),
    ).group_by(*keys)
    if view.by_product:
        query = query.join(Product, Product.id == product, isouter=True)
    if after is not None:
        query = query.where(tuple_(*keys) < tuple_(*after))
    query = _seen(query, view).order_by(*(key.desc() for key in keys)).limit(limit)
    return [Sales(**row) for row in (await session.execute(query)).mappings()]


def _sum(column: Any, which: ColumnElement[bool]) -> ColumnElement[int]:  # noqa: ANN401 - an instrumented column
    return func.coalesce(cast(func.sum(column).filter(which), BigInteger), 0)


def _seen(query: Select[Any], view: SalesView) -> Select[Any]:
    query = query.where(SaleEntry.at >= _midnight(view.first), SaleEntry.at < _midnight(view.last + timedelta(days=1)))
    for column, wanted in (
        (SaleEntry.seller_id, view.seller_id),
        (SaleEntry.product_id, view.product_id),
        (SaleEntry.currency, view.currency),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    return query


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
