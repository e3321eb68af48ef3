"""Stock: counted in and out by sellers, with a journal."""

from typing import Annotated

from fastapi import Query

from catalog import queries
from catalog.actions.counting import count_stock
from catalog.routes.doors import Seller, owner, refusals
from catalog.schemas import StockChange, StockEntryOut, StockLineOut
from common.http import Once, Page, PageOf, Reading, Tx, once, router
from common.http.fields import Id

stock = router(tags=["catalog"])


@stock.post(
    "/products/{product_id}/stock",
    status_code=201,
    summary="Count stock in or out",
    responses=refusals(400, 401, 403, 404, 409, 422),
)
async def change_stock(
    session: Tx, user: Seller, product_id: Id, body: StockChange, key: Annotated[Once, once(required=True)]
) -> StockEntryOut:
    """A line in the stock journal; never below what is reserved."""
    await key.claim(session)
    entry = body.entry(product_id, user.id)
    free = await count_stock(session, product_id, owner(user), body.variant_id, entry)
    return StockEntryOut.of(entry, product_id, free)


@stock.get("/products/{product_id}/stock", summary="Show the stock journal", responses=refusals(401, 403, 404, 422))
async def list_entries(
    session: Reading, user: Seller, product_id: Id, page: Annotated[Page, Query()]
) -> PageOf[StockLineOut]:
    """Newest first: what was counted by whom and why, and what was sold to which order."""
    await queries.check_owner(session, product_id, owner(user))
    scope = f"stock:{product_id}"
    rows = await queries.list_entries(session, product_id, page.after(scope), page.limit)
    return page.page(rows, scope, StockLineOut.of, lambda entry: entry.id)
