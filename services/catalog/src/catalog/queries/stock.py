"""Stock: what is free, what may be counted, and the journal."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.errors import VariantNotFound, VariantRequired
from catalog.models import StockEntry, Variant
from catalog.queries.products import get_product_to_change
from common.db import fetch

_FREE = """
SELECT variant_id, on_hand - reserved AS free FROM stock WHERE variant_id = ANY($1::uuid[])
ORDER BY variant_id FOR UPDATE
"""


async def list_free(session: AsyncSession, variant_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the free pieces of counted variants, locked to the end of the transaction."""
    if not variant_ids:
        return {}
    return {row["variant_id"]: row["free"] for row in await fetch(session, _FREE, variant_ids)}


async def get_variant_to_count(
    session: AsyncSession, product_id: UUID, seller_id: UUID | None, variant_id: UUID | None
) -> UUID:
    """Return the variant of a product that is meant; None means the plain product's.

    Raises ProductNotFound, VariantNotFound, VariantRequired.
    """
    product = await get_product_to_change(session, product_id, seller_id)
    if variant_id is None:
        if product.several:
            raise VariantRequired
        return product.id
    if variant_id not in {variant.id for variant in product.variants}:
        raise VariantNotFound
    return variant_id


async def list_entries(session: AsyncSession, product_id: UUID, after: UUID | None, limit: int) -> Sequence[StockEntry]:
    """Return up to `limit + 1` journal lines of a product's variants, newest first."""
    variants = select(Variant.id).where(Variant.product_id == product_id)
    query = select(StockEntry).where(StockEntry.variant_id.in_(variants)).order_by(StockEntry.id.desc())
    return (
        await session.scalars((query if after is None else query.where(StockEntry.id < after)).limit(limit + 1))
    ).all()
