"""Placing an order: priced from orders' own copy of the products, never from what the client says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.orders import Flow, OrderCreated, Provider
from common.db import now
from common.money import CHARGES, Money, NotChargeable
from orders import domain
from orders.actions.facts import lines_of
from orders.actions.moving import tell
from orders.domain import Status
from orders.errors import (
    AmountNotChargeable,
    MixedCurrencies,
    PriceChanged,
    ProductNotForSale,
    ProductNotReady,
    TooManyOpenOrders,
)
from orders.models import Line, Order, Product, Transition
from orders.queries import count_open_orders, list_products


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer asks for: products with quantities, how to pay, and the total the buyer was shown."""

    order_id: UUID
    user_id: UUID
    items: dict[UUID, int]
    provider: Provider
    flow: Flow
    expires_after: timedelta
    max_open_orders: int = 0
    expected_total: Money | None = None
    metadata: dict[str, str] = field(default_factory=dict)


async def place_order(session: AsyncSession, wish: Wish) -> Order:
    """Write the order and tell of it; raises when it cannot be sold as asked."""
    if wish.max_open_orders and await count_open_orders(session, wish.user_id) >= wish.max_open_orders:
        raise TooManyOpenOrders(limit=wish.max_open_orders)
    known = await list_products(session, wish.items)
    products = _for_sale(wish, known)
    total = _priced(wish, products)
    order = _new_order(wish, products, total)
    session.add(order)
    tell(
        session,
        Transition(order_id=order.id, version=1, came_from=None, went_to=Status.PENDING, at=order.created_at),
        OrderCreated(
            order_id=order.id,
            number=order.number,
            user_id=order.user_id,
            lines=lines_of(order),
            total=total,
            created_at=order.created_at,
            expires_at=order.expires_at,
        ),
    )
    return order


def _for_sale(wish: Wish, known: dict[UUID, Product]) -> Sequence[Product]:
    if missing := wish.items.keys() - known.keys():
        raise ProductNotReady(product_ids=sorted(map(str, missing)))
    if stopped := [str(product.id) for product in known.values() if not product.active]:
        raise ProductNotForSale(product_ids=sorted(stopped))
    return [known[product_id] for product_id in wish.items]


def _priced(wish: Wish, products: Sequence[Product]) -> Money:
    currencies = sorted({product.currency for product in products})
    if len(currencies) > 1:
        raise MixedCurrencies(currencies=currencies)
    total = domain.total((product.price, wish.items[product.id]) for product in products)
    if wish.expected_total is not None and wish.expected_total != total:
        raise PriceChanged(expected=_json(wish.expected_total), total=_json(total))
    try:
        if total.amount:
            CHARGES[wish.provider](total)
    except NotChargeable as error:
        raise AmountNotChargeable(reason=error.reason, total=_json(total), **error.facts) from error
    return total


def _new_order(wish: Wish, products: Sequence[Product], total: Money) -> Order:
    created_at = now()
    expires_at = created_at + wish.expires_after
    lines = [
        Line(
            order_id=wish.order_id,
            position=position,
            product_id=product.id,
            kind=product.kind,
            name=product.name,
            quantity=wish.items[product.id],
            unit_price=product.price_amount,
            image=product.image,
        )
        for position, product in enumerate(products)
    ]
    return Order(
        id=wish.order_id,
        number=domain.number(wish.order_id, created_at),
        user_id=wish.user_id,
        total=total.amount,
        currency=total.currency,
        provider=wish.provider,
        flow=wish.flow,
        created_at=created_at,
        expires_at=expires_at,
        due_at=expires_at,
        lines=lines,
        details=wish.metadata,
    )


def _json(money: Money) -> dict[str, object]:
    return {"amount": money.amount, "currency": money.currency}
