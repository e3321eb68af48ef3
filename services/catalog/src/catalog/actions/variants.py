"""Following what a seller wishes of the variants of a product."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from catalog.domain import check_prices
from catalog.errors import MixedCurrencies, VariantNotFound, VariantsAlike
from catalog.models import Product, Variant, Wish


def check_variants(variants: Sequence[Wish] | Sequence[Variant]) -> None:
    """Raise VariantsAlike and MixedCurrencies for variants that do not go together, and what is wrong with prices."""
    options = {tuple(sorted(variant.options.items())) for variant in variants}
    if len(options) < len(variants) or len({frozenset(variant.options) for variant in variants}) > 1:
        raise VariantsAlike
    if len({variant.prices[0].money.currency for variant in variants}) > 1:
        raise MixedCurrencies
    for variant in variants:
        check_prices(variant.prices)


def follow_wishes(product: Product, wishes: Sequence[Wish], moment: datetime) -> tuple[bool, Mapping[UUID, int]]:
    """Make a product's variants those that are wished; return whether anything differs, and the stock of new ones.

    What is not wished any more is no longer sold. Raises VariantNotFound, VariantsAlike, MixedCurrencies.
    """
    check_variants(wishes)
    known = {variant.id: variant for variant in product.offered} if product.several else {}
    changed = not product.several
    stock: dict[UUID, int] = {}
    for variant in product.offered:
        if variant.id not in {wish.id for wish in wishes} or not product.several:
            variant.active, changed = False, True
    for position, wish in enumerate(wishes):
        if wish.id is not None:
            changed |= _change(_get(known, wish.id), wish, position)
            continue
        variant = wish.variant(product.id, position)
        variant.begin_prices(moment)
        product.variants.append(variant)
        changed = True
        if wish.stock is not None:
            stock[variant.id] = wish.stock
    product.several, product.currency = True, wishes[0].prices[0].money.currency
    return changed, stock


def _get(known: dict[UUID, Variant], variant_id: UUID) -> Variant:
    if variant_id not in known:
        raise VariantNotFound
    return known[variant_id]


def _change(variant: Variant, wish: Wish, position: int) -> bool:
    wanted = {"options": wish.options, "sku": wish.sku, "prices": wish.prices, "position": position}
    different = {name: value for name, value in wanted.items() if getattr(variant, name) != value}
    for name, value in different.items():
        setattr(variant, name, value)
    return bool(different)
