"""Single products: as they are shown, and as they are changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from catalog.errors import ProductNotFound
from catalog.models import Product, Variant
from catalog.queries.assets import FILES
from common.db import Source, fetch

_FILES: Final = FILES.format(ids="p.files")
COLUMNS: Final = """
SELECT p.id, p.seller_id, p.kind, p.status, p.name, p.slug, p.sku, p.description,
    p.amount, p.regular_amount, p.currency, o.prices, s.on_hand - s.reserved AS stock, v.variants, c.path AS category,
    p.tags, p.images, p.thumbnail, g.files, p.licence,
    p.min_quantity, p.max_quantity, p.low_stock, p.download_limit, p.download_days, p.metadata, p.version,
    p.created_at, p.updated_at
"""
# A product that is sold in several variants has no variant and no stock under its own id that count.
JOINS: Final = f"""
LEFT JOIN categories c ON c.id = p.category_id
LEFT JOIN variants o ON o.id = p.id AND NOT p.several
LEFT JOIN stock s ON s.variant_id = o.id
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
        'id', w.id, 'options', w.options, 'sku', w.sku, 'amount', w.amount, 'regular_amount', w.regular_amount,
        'prices', w.prices, 'stock', t.on_hand - t.reserved
    ) ORDER BY w.position) AS variants
    FROM variants w LEFT JOIN stock t ON t.variant_id = w.id WHERE p.several AND w.product_id = p.id AND w.active
) v ON true
LEFT JOIN LATERAL ({_FILES}) g ON true
"""  # noqa: S608 - our own text
_BY_ID = f"{COLUMNS} FROM products p {JOINS} WHERE p.id = $1"
_BY_SLUG = f"{COLUMNS} FROM products p {JOINS} WHERE p.slug = $1"
_WHOLE = (selectinload(Product.variants).selectinload(Variant.current), selectinload(Product.listed))


async def get_product(
    source: Source, key: UUID | str, viewer: UUID | None = None, *, sees_all: bool = False
) -> asyncpg.Record:
    """Return a product as it stands, by its id or slug; raises ProductNotFound.

    One that is not sold is there only for its seller or who sees all.
    """
    rows = await fetch(source, _BY_SLUG if isinstance(key, str) else _BY_ID, key)
    if not rows or not (rows[0]["status"] == "active" or sees_all or rows[0]["seller_id"] == viewer):
        raise ProductNotFound
    return rows[0]


async def check_owner(session: AsyncSession, product_id: UUID, seller_id: UUID | None) -> None:
    """Raise ProductNotFound unless the product is there and of this seller (None: of anybody)."""
    owners = (await session.scalars(select(Product.seller_id).where(Product.id == product_id))).all()
    if not owners or seller_id not in {None, *owners}:
        raise ProductNotFound


async def get_product_to_change(session: AsyncSession, product_id: UUID, seller_id: UUID | None) -> Product:
    """Return a product of this seller (None: of anybody) with its variants, locked; raises ProductNotFound."""
    # Orders in flight refer to the product by foreign key: its id is not about to change, so they need not wait.
    lock = {"key_share": True, "of": Product}
    product = await session.get(Product, product_id, with_for_update=lock, options=_WHOLE, populate_existing=True)
    if product is None or seller_id not in {None, product.seller_id}:
        raise ProductNotFound
    return product


async def find_by_sku(session: AsyncSession, seller_id: UUID, skus: Sequence[str]) -> dict[str, Product]:
    """Return a seller's products of these skus with their variants, locked in the order of their ids.

    A product without a sku is known by its slug.
    """
    known = Product.sku.in_(skus) | (Product.sku.is_(None) & Product.slug.in_(skus))
    query = select(Product).where(Product.seller_id == seller_id, known).order_by(Product.id)
    rows = await session.scalars(query.options(*_WHOLE).with_for_update(key_share=True, of=Product))
    return {product.sku or product.slug: product for product in rows}


async def find_turning_product(session: AsyncSession, moment: datetime) -> Product | None:
    """Return a product whose planned price is to begin or end, locked, those that others hold left out."""
    query = select(Product).where(Product.prices_turn_at <= moment).order_by(Product.prices_turn_at).limit(1)
    locked = query.options(*_WHOLE).with_for_update(key_share=True, skip_locked=True, of=Product)
    return (await session.scalars(locked)).one_or_none()
