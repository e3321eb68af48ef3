"""Keeping orders' copy of the products: the highest version wins, whatever the order of arrival."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.catalog import ProductArchived, ProductCreated, ProductUpdated
from common.db import fetch, wake_after_commit

PRODUCTS = "products"

_KEEP = """
INSERT INTO products (id, version, kind, name, price_amount, currency, active, image)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[], $8::text[])
ON CONFLICT (id) DO UPDATE SET version = excluded.version, kind = excluded.kind, name = excluded.name,
    price_amount = excluded.price_amount, currency = excluded.currency, active = excluded.active, image = excluded.image
WHERE products.version < excluded.version
"""
_STOP = "UPDATE products SET active = false, version = $2 WHERE id = $1 AND version < $2 RETURNING id"
_KNOWN = "SELECT version FROM products WHERE id = $1"


async def keep_products(session: AsyncSession, facts: Sequence[ProductCreated | ProductUpdated]) -> None:
    """Note products as they now are."""
    newest = {fact.product_id: fact for fact in sorted(facts, key=lambda fact: fact.version_number)}
    rows = [
        (
            fact.product_id,
            fact.version_number,
            fact.kind,
            fact.name,
            fact.price.amount,
            fact.price.currency,
            fact.active,
            next(iter(fact.images), None),
        )
        for fact in sorted(newest.values(), key=lambda fact: fact.product_id)
    ]
    await fetch(session, _KEEP, *(list(column) for column in zip(*rows, strict=True)))
    wake_after_commit(session, PRODUCTS)


async def stop_selling(session: AsyncSession, fact: ProductArchived) -> bool:
    """Note that a product is no longer sold; return False when it is not known yet."""
    if await fetch(session, _STOP, fact.product_id, fact.version_number):
        return True
    return bool(await fetch(session, _KNOWN, fact.product_id))
