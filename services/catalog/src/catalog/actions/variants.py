"""Following what a seller wishes of the variants of a product."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.counting import open_stock
from catalog.domain import check_prices
from catalog.errors import MixedCurrencies, VariantNotFound, VariantsAlike
from catalog.models import Product, Variant, Wish


def check_wishes(wishes: Sequence[Wish]) -> None:
    """Raise VariantsAlike and MixedCurrencies for variants that do not go together, and what is wrong with prices."""
    options = {tuple(sorted(wish.options.items())) for wish in wishes}
    if len(options) < len(wishes) or len({frozenset(wish.options) for wish in wishes}) > 1:
        raise VariantsAlike
    if len({wish.prices[0].money.currency for wish in wishes}) > 1:
        raise MixedCurrencies
    for wish in wishes:
        check_prices(wish.prices)


def follow_wishes(session: AsyncSession, product: Product, wishes: Sequence[Wish] | None) -> bool:
    """Make a product's variants those that are wished; say whether anything differs.

    What is not wished any more is no longer sold. Raises VariantNotFound, VariantsAlike, MixedCurrencies.
    """
    if wishes is None:
        return False
    check_wishes(wishes)
    known = {variant.id: variant for variant in product.offered} if product.several else {}
    changed = not product.several
    for variant in product.offered:
        if variant.id not in {wish.id for wish in wishes} or not product.several:
            variant.active, changed = False, True
    for position, wish in enumerate(wishes):
        if wish.id is None:
            _add(session, product, wish, position)
            changed = True
        else:
            changed |= _change(_get(known, wish.id), wish, position)
    product.several, product.currency = True, wishes[0].prices[0].money.currency
    return changed


def _get(known: dict[UUID, Variant], variant_id: UUID) -> Variant:
    if variant_id not in known:
        raise VariantNotFound
    return known[variant_id]


def _add(session: AsyncSession, product: Product, wish: Wish, position: int) -> None:
    variant = wish.variant(product.id, position)
    product.variants.append(variant)
    if wish.stock is not None:
        open_stock(session, {variant.id: wish.stock}, product.seller_id)


def _change(variant: Variant, wish: Wish, position: int) -> bool:
    wanted = {"options": wish.options, "sku": wish.sku, "prices": wish.prices, "position": position}
    different = {name: value for name, value in wanted.items() if getattr(variant, name) != value}
    for name, value in different.items():
        setattr(variant, name, value)
    return bool(different)
