"""Putting up and changing many products at once, each known by its sku."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.categories import find_places
from catalog.actions.products import apply_edit, create_products
from catalog.models import Edit, ImportLine, ImportResult, Product, Wish
from catalog.queries import find_by_sku
from common.errors import Problem

Places = Mapping[str, UUID | None]


async def import_products(session: AsyncSession, seller_id: UUID, lines: Sequence[ImportLine]) -> list[ImportResult]:
    """Put up or change a seller's products; return what became of each line. A refused one does not stop the rest.

    All together where nothing is wrong with any, else by halves. Everything is told in the bulk lane.
    """
    if not lines:
        return []
    try:
        async with session.begin_nested():
            return await _import(session, seller_id, lines)
    except Problem as problem:
        if len(lines) == 1:
            return [ImportResult("refused", problem=problem)]
    half = len(lines) // 2
    before = await import_products(session, seller_id, lines[:half])
    return [*before, *await import_products(session, seller_id, lines[half:])]


async def _import(session: AsyncSession, seller_id: UUID, lines: Sequence[ImportLine]) -> list[ImportResult]:
    places = await find_places(session, [line.category for line in lines])
    known = await find_by_sku(session, seller_id, [line.sku for line in lines])
    new = [line for line in lines if line.sku not in known]
    made = {line.sku: (*line.make(), line.category) for line in new}
    if made:
        await create_products(session, list(made.values()), "bulk")
    results = []
    for line in lines:
        if line.sku in made:
            results.append(ImportResult("created", made[line.sku][0].id))
        else:
            results.append(await _change(session, known[line.sku], line, places))
    return results


async def _change(session: AsyncSession, product: Product, line: ImportLine, places: Places) -> ImportResult:
    edit = _known_variants(product, line.edit)
    if product.sku is None:
        edit.changes.pop("sku", None)  # it is its slug, by which the product is known
    changed = await apply_edit(session, product, edit, places, "bulk")
    return ImportResult("updated" if changed else "unchanged", product.id)


def _known_variants(product: Product, edit: Edit) -> Edit:
    """Return the edit with the variants that are there already by their ids; they are known by their options."""
    if edit.wishes is None:
        return edit
    known = {tuple(sorted(variant.options.items())): variant.id for variant in product.offered if variant.options}
    return replace(edit, wishes=[_known(wish, known.get(tuple(sorted(wish.options.items())))) for wish in edit.wishes])


def _known(wish: Wish, variant_id: UUID | None) -> Wish:
    return wish if variant_id is None else replace(wish, id=variant_id, stock=None)
