"""The tree of categories as it is asked for."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.errors import CategoryNotFound
from catalog.models import Category
from common.db import fetch

_TREE = """
SELECT c.id, c.parent_id, c.name, c.path, c.position, coalesce(n.products, 0) AS products
FROM categories c LEFT JOIN (
    SELECT category_id, count(*) AS products FROM products
    WHERE status = 'active' AND category_id IS NOT NULL GROUP BY category_id
) n ON n.category_id = c.id ORDER BY c.path COLLATE "C"
"""
_DEEPEST = """
SELECT path FROM categories WHERE path = $1 OR starts_with(path, $1 || '/')
ORDER BY length(path) - length(replace(path, '/', '')) DESC LIMIT 1
"""
_USED = """
SELECT 1 WHERE EXISTS (SELECT FROM products WHERE category_id = $1)
    OR EXISTS (SELECT FROM categories WHERE parent_id = $1)
"""


async def find_category(session: AsyncSession, path: str) -> UUID | None:
    """Return the category of a path, or None."""
    return (await session.scalars(select(Category.id).where(Category.path == path))).one_or_none()


async def list_places(session: AsyncSession, paths: Sequence[str]) -> dict[str, UUID]:
    """Return the categories of those paths that have one."""
    if not paths:
        return {}
    rows = await session.execute(select(Category.path, Category.id).where(Category.path.in_(paths)))
    return {row.path: row.id for row in rows}


async def get_category(session: AsyncSession, category_id: UUID) -> Category:
    """Return a category, locked; raises CategoryNotFound."""
    category = await session.get(Category, category_id, with_for_update=True)
    if category is None:
        raise CategoryNotFound
    return category


async def get_height(session: AsyncSession, category: Category) -> int:
    """Return how many levels grow on a category."""
    rows = await fetch(session, _DEEPEST, category.path)
    deepest: str = rows[0]["path"]
    return deepest.count("/") - category.path.count("/")


async def is_category_used(session: AsyncSession, category_id: UUID) -> bool:
    """Say whether products or categories are in a category."""
    return bool(await fetch(session, _USED, category_id))


async def list_categories(session: AsyncSession) -> list[asyncpg.Record]:
    """Return all categories by path, each with how many active products are right in it."""
    return await fetch(session, _TREE)
