"""Importing many products at once."""

from uuid import UUID

from catalog.actions.importing import import_products
from catalog.models import ImportLine
from catalog.routes.doors import Seller, refusals
from catalog.schemas import Import, Imported, ImportOut, read_line
from catalog.schemas.importing import SKU_TWICE
from common.auth import Principal
from common.errors import Forbidden
from common.http import Tx, router

importing = router(tags=["catalog"])


@importing.post("/products/batch", summary="Import many products", responses=refusals(400, 401, 403, 409, 422))
async def import_batch(session: Tx, user: Seller, body: Import) -> ImportOut:
    """Each is known by its sku: put up if the seller has none of it yet, changed if it differs, else left alone.

    A line that is refused does not stop the others. To send the same again changes nothing.
    """
    seller_id = _seller(user, body.seller_id)
    read = [read_line(given, seller_id) for given in body.products]
    lines = {line.sku: line for line in read if isinstance(line, ImportLine)}
    done = dict(zip(lines, await import_products(session, seller_id, list(lines.values())), strict=True))
    if body.dry_run:
        await session.rollback()
    results = []
    for given, line in zip(body.products, read, strict=True):
        if not isinstance(line, ImportLine):
            results.append(Imported.refused(given.get("sku"), line))
        elif line is not lines[line.sku]:
            results.append(Imported.refused(line.sku, [SKU_TWICE]))
        else:
            results.append(Imported.of(line.sku, done[line.sku]))
    return ImportOut(results=results)


def _seller(user: Principal, seller_id: UUID | None) -> UUID:
    if seller_id in {None, user.id}:
        return user.id
    if not user.has("admin"):
        raise Forbidden
    assert seller_id is not None
    return seller_id
