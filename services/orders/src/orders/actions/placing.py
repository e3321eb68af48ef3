"""Placing an order: priced from orders' own copy of the products, never from what the client says."""

from collections.abc import Iterable, Sequence
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
    CurrencyNotOffered,
    MixedCurrencies,
    PriceChanged,
    ProductNotForSale,
    ProductNotReady,
    QuantityOutOfRange,
    TooManyOpenOrders,
    VariantRequired,
)
from orders.models import Line, Order, Product, Transition
from orders.queries import count_open_orders, list_products


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer asks for: products and variants with quantities, how to pay, and the total the buyer was shown."""

    order_id: UUID
    user_id: UUID
    items: dict[tuple[UUID, UUID | None], int]
    provider: Provider
    flow: Flow
    expires_after: timedelta
    max_open_orders: int = 0
    currency: str | None = None
    expected_total: Money | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def product_ids(self) -> set[UUID]:
        """The products of which something is wanted."""
        return {product_id for product_id, _ in self.items}


@dataclass(frozen=True, slots=True)
class Choice:
    """What is bought of a product: it or one of its variants, under this name and at this price for one piece."""

    product: Product
    variant_id: UUID | None
    name: str
    price: Money
    quantity: int

    def line(self, order_id: UUID, position: int) -> Line:
        """Return it as a line of the order, frozen as it is now."""
        return Line(
            order_id=order_id,
            position=position,
            product_id=self.product.id,
            variant_id=self.variant_id,
            seller_id=self.product.seller_id,
            kind=self.product.kind,
            name=self.name,
            quantity=self.quantity,
            unit_price=self.price.amount,
            image=self.product.image,
            licence=self.product.licence,
        )


async def place_order(session: AsyncSession, wish: Wish) -> Order:
    """Write the order and tell of it; raises when it cannot be sold as asked."""
    if wish.max_open_orders and await count_open_orders(session, wish.user_id) >= wish.max_open_orders:
        raise TooManyOpenOrders(limit=wish.max_open_orders)
    choices = _for_sale(wish, await list_products(session, wish.product_ids))
    total = _priced(wish, choices)
    order = _new_order(wish, choices, total)
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


def _for_sale(wish: Wish, known: dict[UUID, Product]) -> list[Choice]:
    if missing := wish.product_ids - known.keys():
        raise ProductNotReady(product_ids=sorted(map(str, missing)))
    if stopped := [str(product.id) for product in known.values() if not product.active]:
        raise ProductNotForSale(product_ids=sorted(stopped))
    currency = wish.currency or _own_currency(known.values())
    return [
        _choice(known[product_id], variant_id, quantity, currency)
        for (product_id, variant_id), quantity in wish.items.items()
    ]


def _own_currency(products: Iterable[Product]) -> str:
    currencies = sorted({product.currency for product in products})
    if len(currencies) > 1:
        raise MixedCurrencies(currencies=currencies)
    return currencies[0]


def _choice(product: Product, variant_id: UUID | None, quantity: int, currency: str) -> Choice:
    if product.variants and variant_id is None:
        raise VariantRequired(product_id=str(product.id), variant_ids=sorted(product.variants))
    offer = product.offer(variant_id)
    if offer is None:
        raise ProductNotForSale(product_ids=[str(product.id)], variant_ids=[str(variant_id)])
    if currency not in offer.prices:
        raise CurrencyNotOffered(product_id=str(product.id), currencies=sorted(offer.prices))
    if not product.allows(quantity):
        limits = {"min_quantity": product.min_quantity, "max_quantity": product.max_quantity}
        raise QuantityOutOfRange(product_id=str(product.id), **limits)
    return Choice(product, variant_id, offer.name, Money(offer.prices[currency], currency), quantity)


def _priced(wish: Wish, choices: Sequence[Choice]) -> Money:
    total = domain.total((choice.price, choice.quantity) for choice in choices)
    if wish.expected_total is not None and wish.expected_total != total:
        raise PriceChanged(expected=_json(wish.expected_total), total=_json(total))
    try:
        if total.amount:
            CHARGES[wish.provider](total)
    except NotChargeable as error:
        raise AmountNotChargeable(reason=error.reason, total=_json(total), **error.facts) from error
    return total


def _new_order(wish: Wish, choices: Sequence[Choice], total: Money) -> Order:
    created_at = now()
    expires_at = created_at + wish.expires_after
    lines = [choice.line(wish.order_id, position) for position, choice in enumerate(choices)]
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
