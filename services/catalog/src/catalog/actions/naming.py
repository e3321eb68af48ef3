"""Slugs and skus: each product its own."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain import slug_of
from catalog.errors import SkuTaken, SlugTaken
from catalog.models import Product
from common.db import fetch

# Whoever wants the same name waits here until the first one's transaction has ended.
_QUEUE_UP = (
    "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM (SELECT unnest($1::text[]) AS name ORDER BY 1) n"
)
_TAKEN = """
SELECT 'slug' AS kind, slug AS name FROM products WHERE slug = ANY ($1) AND id <> ALL ($3)
UNION ALL
SELECT 'sku', p.sku FROM products p JOIN unnest($4::uuid[], $2::text[]) AS w (seller_id, sku) USING (seller_id, sku)
WHERE p.id <> ALL ($3)
"""
_TAIL = 8


async def claim_names(session: AsyncSession, products: Sequence[Product]) -> None:
    """Give products without a slug one of their names', and keep every slug, and a seller's sku, for one product.

    Raises SlugTaken and SkuTaken.
    """
    wanted = {product.id: product.slug or slug_of(product.name) or "product" for product in products}
    skus = [(product.seller_id, product.sku) for product in products if product.sku is not None]
    locks = {f"slug {slug}" for slug in wanted.values()} | {f"sku {seller_id} {sku}" for seller_id, sku in skus}
    await fetch(session, _QUEUE_UP, sorted(locks))
    sellers, names = [seller_id for seller_id, _ in skus], [sku for _, sku in skus]
    rows = await fetch(session, _TAKEN, list(wanted.values()), names, list(wanted), sellers)
    if any(row["kind"] == "sku" for row in rows):
        raise SkuTaken
    taken = {row["name"] for row in rows}
    for product in products:
        slug = wanted[product.id]
        if product.slug and slug in taken:
            raise SlugTaken
        product.slug = product.slug or (f"{slug}-{product.id.hex[-_TAIL:]}" if slug in taken else slug)
        taken.add(product.slug)
