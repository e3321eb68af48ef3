"""The tree of categories: sellers name branches, administrators tend it."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.errors import CategoryInUse, CategoryTaken, CategoryTooDeep
from catalog.models import Category
from catalog.queries import find_category, get_category, get_height, is_category_used, list_places
from common.db import fetch, now
from common.events import new_id

DEEPEST = 5

_MAKE = """
INSERT INTO categories (id, parent_id, name, path, position, created_at, updated_at)
VALUES ($1, $2, $3, $4, 0, $5, $5) ON CONFLICT (path) DO NOTHING
"""
_MOVE = """
UPDATE categories SET path = $2 || substr(path, length($1) + 1), updated_at = $3
WHERE path = $1 OR starts_with(path, $1 || '/')
"""


async def find_places(session: AsyncSession, paths: Iterable[str | None]) -> dict[str, UUID | None]:
    """Return the categories of paths such as `Prints/Framed`, made where they are missing; the empty path is none."""
    wanted = sorted({path for path in paths if path})
    known: dict[str, UUID | None] = {"": None, **await list_places(session, wanted)}
    for path in wanted:
        if path not in known:
            known[path] = await _make(session, path)
    return known


async def _make(session: AsyncSession, path: str) -> UUID | None:
    parent, made = None, ""
    for name in path.split("/"):
        made = f"{made}/{name}" if made else name
        await fetch(session, _MAKE, new_id(), parent, name, made, now())
        parent = await find_category(session, made)
    return parent


async def create_category(session: AsyncSession, parent_id: UUID | None, name: str, position: int) -> Category:
    """Make a branch. Raises CategoryNotFound for the parent, CategoryTaken and CategoryTooDeep."""
    parent = await get_category(session, parent_id) if parent_id else None
    category = Category(parent_id=parent_id, name=name, path=await _free_path(session, parent, name), position=position)
    session.add(category)
    await session.flush()
    return category


async def move_category(session: AsyncSession, category: Category, parent_id: UUID | None, name: str) -> None:
    """Rename a branch or hang it elsewhere, with all that grows on it.

    Raises CategoryNotFound for the parent, CategoryTaken and CategoryTooDeep.
    """
    if (parent_id, name) == (category.parent_id, category.name):
        return
    parent = await get_category(session, parent_id) if parent_id else None
    if parent and f"{parent.path}/".startswith(f"{category.path}/"):
        raise CategoryTooDeep
    path = await _free_path(session, parent, name)
    if path.count("/") + await get_height(session, category) >= DEEPEST:
        raise CategoryTooDeep
    category.parent_id, category.name = parent_id, name
    await session.flush()
    await fetch(session, _MOVE, category.path, path, now())
    await session.refresh(category)


async def delete_category(session: AsyncSession, category_id: UUID) -> None:
    """Cut an empty branch. Raises CategoryNotFound and CategoryInUse."""
    category = await get_category(session, category_id)
    if await is_category_used(session, category_id):
        raise CategoryInUse
    await session.delete(category)


async def _free_path(session: AsyncSession, parent: Category | None, name: str) -> str:
    path = f"{parent.path}/{name}" if parent else name
    if path.count("/") >= DEEPEST:
        raise CategoryTooDeep
    if await find_category(session, path):
        raise CategoryTaken
    return path
