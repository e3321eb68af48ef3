"""Putting up and changing many products at once, each known by its sku."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.products import Editor, create_products, edit_product
from catalog.models import Edit, ImportLine, ImportResult, Product, Wish
from catalog.queries import find_by_sku
from common.errors import Problem


@dataclass(slots=True)
class _Work:
    """What is new of an import, and where it stands in it."""

    places: list[int] = field(default_factory=list)
    lines: list[ImportLine] = field(default_factory=list)


async def import_products(session: AsyncSession, seller_id: UUID, lines: Sequence[ImportLine]) -> list[ImportResult]:
    """Put up or change a seller's products; return what became of each line. A refused one does not stop the rest.

    Everything is told in the bulk lane.
    """
    known = await find_by_sku(session, seller_id, [line.sku for line in lines])
    results: list[ImportResult | None] = [None] * len(lines)
    new = _Work()
    for place, line in enumerate(lines):
        if line.sku in known:
            results[place] = await _change(session, known[line.sku], line)
        else:
            new.places.append(place)
            new.lines.append(line)
    for place, result in zip(new.places, await _put_up(session, new.lines), strict=True):
        results[place] = result
    return [result for result in results if result is not None]


async def _change(session: AsyncSession, product: Product, line: ImportLine) -> ImportResult:
    before = product.version
    try:
        async with session.begin_nested():
            edit = _known_variants(product, line.edit)
            await edit_product(session, product.id, Editor(product.seller_id, _any_version), edit, "bulk")
    except Problem as problem:
        return ImportResult("refused", problem=problem)
    return ImportResult("unchanged" if product.version == before else "updated", product.id)


async def _put_up(session: AsyncSession, lines: Sequence[ImportLine]) -> list[ImportResult]:
    """Put new products up, all together where nothing is wrong with any."""
    if not lines:
        return []
    try:
        async with session.begin_nested():
            return await _create(session, lines)
    except Problem as problem:
        if len(lines) == 1:
            return [ImportResult("refused", problem=problem)]
    return [result for line in lines for result in await _put_up(session, [line])]


async def _create(session: AsyncSession, lines: Iterable[ImportLine]) -> list[ImportResult]:
    made = [(*line.make(), line.category) for line in lines]
    await create_products(session, made, "bulk")
    return [ImportResult("created", product.id) for product, *_ in made]


def _known_variants(product: Product, edit: Edit) -> Edit:
    """Return the edit with the variants that are there already by their ids; they are known by their options."""
    if edit.wishes is None:
        return edit
    known = {tuple(sorted(variant.options.items())): variant.id for variant in product.offered if variant.options}
    return replace(edit, wishes=[_known(wish, known.get(tuple(sorted(wish.options.items())))) for wish in edit.wishes])


def _known(wish: Wish, variant_id: UUID | None) -> Wish:
    return wish if variant_id is None else replace(wish, id=variant_id, stock=None)


def _any_version(_: int) -> None:
    return
