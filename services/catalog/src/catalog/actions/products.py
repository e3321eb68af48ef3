"""What sellers do with products: put them up, change them, pause and archive them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.categories import find_places
from catalog.actions.counting import open_stock
from catalog.actions.furnishing import furnish, furnished
from catalog.actions.naming import claim_names
from catalog.actions.telling import tell
from catalog.actions.variants import check_variants, follow_wishes
from catalog.domain import Price, ProductStatus, check_prices
from catalog.errors import PricedByVariant, QuantitiesCross
from catalog.models import Edit, Product
from catalog.queries import get_product_to_change
from common.contracts import catalog as facts
from common.db import now
from common.events import Lane
from common.outbox import emit


@dataclass(frozen=True, slots=True)
class Editor:
    """Who edits: `seller_id` is None for whoever may change everybody's; `check` refuses a version nobody read."""

    seller_id: UUID | None
    check: Callable[[int], None]


async def create_products(
    session: AsyncSession, given: Sequence[tuple[Product, Mapping[UUID, int], str | None]], lane: Lane = "live"
) -> None:
    """Put products up, each with so many pieces of those of its variants that are counted, and in a category.

    Raises SlugTaken, SkuTaken and what is wrong with variants and prices.
    """
    for product, *_ in given:
        check_variants(product.variants)
    await furnish(session, (product for product, *_ in given))
    await claim_names(session, [product for product, *_ in given])
    places = await find_places(session, [path for *_, path in given])
    for product, _, path in given:
        product.category_id = places[path or ""]
        session.add(product)
    await session.flush()
    for product, stock, _ in given:
        open_stock(session, stock, product.seller_id)
        tell(session, product.born(), facts.ProductCreated.model_validate(_facts(product)), lane)
    await session.flush()


async def edit_product(session: AsyncSession, product_id: UUID, editor: Editor, edit: Edit) -> None:
    """Change a product; the prices it had stay good for the orders made until now.

    Raises ProductNotFound, ProductNoLongerSold, PreconditionFailed, PricedByVariant and what is wrong with its prices.
    """
    product = await get_product_to_change(session, product_id, editor.seller_id)
    editor.check(product.version)
    places = await find_places(session, [edit.category])
    await apply_edit(session, product, edit, places)


async def apply_edit(
    session: AsyncSession, product: Product, edit: Edit, places: Mapping[str, UUID | None], lane: Lane = "live"
) -> bool:
    """Change a product that is locked, its category by the paths' places; say whether anything differed."""
    changes = edit.changes
    if edit.category is not None:
        changes |= {"category_id": places[edit.category]}
    different = product.edit(await furnished(session, product, changes))
    if product.max_quantity is not None and product.min_quantity > product.max_quantity:
        raise QuantitiesCross
    if different & {"slug", "sku"}:
        await claim_names(session, [product])
    moment = now()
    priced, stock = _ask(product, edit, moment)
    moved = edit.status is not None and edit.status != product.status
    if not (different or priced or moved):
        return False
    product.touch(moment)
    await _reprice(session, product, moment)
    open_stock(session, stock, product.seller_id)
    _tell_change(session, product, edit.status if moved else None, lane)
    await session.flush()
    return True


async def archive_product(session: AsyncSession, product_id: UUID, editor: Editor) -> None:
    """Stop selling a product; once more changes nothing. Raises ProductNotFound and PreconditionFailed."""
    product = await get_product_to_change(session, product_id, editor.seller_id)
    editor.check(product.version)
    if product.status != ProductStatus.ARCHIVED:
        product.touch(now())
        _tell_change(session, product, ProductStatus.ARCHIVED, "live")


async def turn_prices(session: AsyncSession, product: Product, moment: datetime) -> None:
    """Let a planned price of a product begin or end, and tell of it."""
    product.touch(moment)
    await _reprice(session, product, moment)
    emit(session, facts.ProductUpdated.model_validate(_facts(product)))


def _ask(product: Product, edit: Edit, moment: datetime) -> tuple[bool, Mapping[UUID, int]]:
    """Take over variants, or the prices of a plain product; return whether they differ, and what is new in stock."""
    if edit.price is None and edit.prices is None:
        return (False, {}) if edit.wishes is None else follow_wishes(product, edit.wishes, moment)
    if product.several or edit.wishes is not None:
        raise PricedByVariant
    (variant,) = product.offered
    ordinary, *others = variant.prices
    asked = [Price(edit.price) if edit.price else ordinary, *(others if edit.prices is None else edit.prices)]
    check_prices(asked)
    differs = asked != variant.prices
    if differs:
        variant.prices, product.currency = asked, asked[0].money.currency
    return differs, {}


async def _reprice(session: AsyncSession, product: Product, moment: datetime) -> None:
    product.end_prices(moment)
    await session.flush()
    product.begin_prices(moment)


def _tell_change(session: AsyncSession, product: Product, status: ProductStatus | None, lane: Lane) -> None:
    if status is None:
        emit(session, facts.ProductUpdated.model_validate(_facts(product)), lane=lane)
        return
    change = product.move(status)
    if status == ProductStatus.ARCHIVED:
        told = facts.ProductArchived(product_id=product.id, version_number=product.version)
        tell(session, change, told, lane)
    else:
        tell(session, change, facts.ProductUpdated.model_validate(_facts(product)), lane)


def _facts(product: Product) -> dict[str, object]:
    moment = product.updated_at
    variants = [
        {
            "variant_id": variant.id,
            "name": variant.name,
            "sku": variant.sku,
            "prices": list(variant.costs(moment).values()),
        }
        for variant in product.offered
    ]
    return {
        "product_id": product.id,
        "version_number": product.version,
        "kind": product.kind,
        "name": product.name,
        "price": product.price,
        "prices": list(product.costs(moment).values()),
        "active": product.status == ProductStatus.ACTIVE,
        "seller_id": product.seller_id,
        "images": product.images,
        "variants": variants if product.several else [],
        "min_quantity": product.min_quantity,
        "max_quantity": product.max_quantity,
        "licence": product.licence,
    }
