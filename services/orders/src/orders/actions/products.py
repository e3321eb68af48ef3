"""Keeping orders' copy of the products: the highest version wins, whatever the order of arrival."""

import json
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.catalog import ProductArchived, ProductCreated, ProductUpdated
from common.db import fetch, wake_after_commit
from common.money import Money

PRODUCTS = "products"

_KEEP = """
INSERT INTO products (id, version, kind, name, price_amount, currency, active, image, seller_id, prices, variants,
    min_quantity, max_quantity, licence)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[], $8::text[],
    $9::uuid[], $10::jsonb[], $11::jsonb[], $12::int[], $13::int[], $14::text[])
ON CONFLICT (id) DO UPDATE SET version = excluded.version, kind = excluded.kind, name = excluded.name,
    price_amount = excluded.price_amount, currency = excluded.currency, active = excluded.active,
    image = excluded.image, seller_id = excluded.seller_id, prices = excluded.prices, variants = excluded.variants,
    min_quantity = excluded.min_quantity, max_quantity = excluded.max_quantity, licence = excluded.licence
WHERE products.version < excluded.version
"""
_STOP = "UPDATE products SET active = false, version = $2 WHERE id = $1 AND version < $2 RETURNING id"
_KNOWN = "SELECT version FROM products WHERE id = $1"


async def keep_products(session: AsyncSession, facts: Sequence[ProductCreated | ProductUpdated]) -> None:
    """Note products as they now are."""
    newest = {fact.product_id: fact for fact in sorted(facts, key=lambda fact: fact.version_number)}
    rows = [_row(fact) for fact in sorted(newest.values(), key=lambda fact: fact.product_id)]
    await fetch(session, _KEEP, *(list(column) for column in zip(*rows, strict=True)))
    wake_after_commit(session, PRODUCTS)


def _row(fact: ProductCreated | ProductUpdated) -> tuple[object, ...]:
    variants = {
        str(variant.variant_id): {"name": variant.name, "prices": _amounts(variant.prices)} for variant in fact.variants
    }
    return (
        fact.product_id,
        fact.version_number,
        fact.kind,
        fact.name,
        fact.price.amount,
        fact.price.currency,
        fact.active,
        next(iter(fact.images), None),
        fact.seller_id,
        json.dumps(_amounts(fact.prices or [fact.price])),
        json.dumps(variants),
        fact.min_quantity,
        fact.max_quantity,
        fact.licence,
    )


def _amounts(prices: Sequence[Money]) -> dict[str, int]:
    return {price.currency: price.amount for price in prices}


async def stop_selling(session: AsyncSession, fact: ProductArchived) -> bool:
    """Note that a product is no longer sold; return False when it is not known yet."""
    if await fetch(session, _STOP, fact.product_id, fact.version_number):
        return True
    return bool(await fetch(session, _KNOWN, fact.product_id))
