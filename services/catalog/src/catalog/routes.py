"""Catalog's HTTP door: products for everybody, their upkeep for sellers, downloads for buyers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request

from catalog import queries
from catalog.actions import products
from catalog.schemas import (
    CategoryOut,
    DownloadOut,
    NewProduct,
    ProductChanges,
    ProductOut,
    ProductPage,
    StockChange,
    StockEntryOut,
)
from common.auth import CurrentUser, Principal, principal, require
from common.http import Once, Page, PageOf, Reading, Tx, once, router
from common.http.fields import Id

Seller = Annotated[Principal, require("seller", "admin")]

_WORDS = {
    400: "The request could not be understood.",
    401: "A valid access token is needed.",
    403: "Only sellers and administrators may do this.",
    404: "There is no such product, or it is not yours.",
    409: "The product or its stock does not allow it now.",
    422: "The request is not valid.",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content: dict[str, Any] = {"application/problem+json": {"schema": {"type": "object"}}}
    return {status: {"description": _WORDS[status], "content": content} for status in statuses}


catalogue = router(tags=["catalog"])
downloads = router(tags=["downloads"])


async def _visitor(request: Request) -> Principal | None:
    return await principal(request) if "authorization" in request.headers else None


Visitor = Annotated[Principal | None, Depends(_visitor)]


def _owner(user: Principal) -> UUID | None:
    return None if user.has("admin") else user.id


@catalogue.get("/products", summary="List what is sold, newest first", responses=_problems(422))
async def list_products(session: Reading, page: Annotated[ProductPage, Query()]) -> PageOf[ProductOut]:
    """Active products of a kind, category or seller, or all of them."""
    shelf = queries.Shelf(page.kind, page.category, page.seller)
    rows = await queries.list_products(session, shelf, page.after("products"), page.limit)
    return page.page(rows, "products", ProductOut.of, lambda row: row["id"])


@catalogue.post("/products", status_code=201, summary="Put a product up", responses=_problems(400, 401, 403, 409, 422))
async def create_product(session: Tx, user: Seller, body: NewProduct, key: Annotated[Once, once()]) -> ProductOut:
    """The signed-in seller sells it from now on."""
    await key.claim(session)
    product = body.product(user.id)
    await products.create_product(session, product, body.stock)
    return ProductOut.of(await queries.get_product(session, product.id))


@catalogue.get("/products/{product_id}", summary="Show a product", responses=_problems(404))
async def show_product(session: Reading, product_id: Id, visitor: Visitor) -> ProductOut:
    """An archived product is shown to its seller and to administrators only."""
    viewer, sees_all = (visitor.id, visitor.has("admin")) if visitor else (None, False)
    return ProductOut.of(await queries.get_product(session, product_id, viewer, sees_all=sees_all))


@catalogue.patch(
    "/products/{product_id}", summary="Change a product", responses=_problems(400, 401, 403, 404, 409, 422)
)
async def edit_product(session: Tx, user: Seller, product_id: Id, body: ProductChanges) -> ProductOut:
    """What is absent stays as it is; orders made until now keep the old price."""
    await products.edit_product(session, product_id, _owner(user), body.changes())
    return ProductOut.of(await queries.get_product(session, product_id))


@catalogue.delete(
    "/products/{product_id}", status_code=204, summary="Archive a product", responses=_problems(401, 403, 404)
)
async def archive_product(session: Tx, user: Seller, product_id: Id) -> None:
    """It is no longer sold nor shown; what was bought stays."""
    await products.archive_product(session, product_id, _owner(user))


@catalogue.post(
    "/products/{product_id}/stock",
    status_code=201,
    summary="Count stock in or out",
    responses=_problems(400, 401, 403, 404, 409, 422),
)
async def count_stock(
    session: Tx, user: Seller, product_id: Id, body: StockChange, key: Annotated[Once, once(required=True)]
) -> StockEntryOut:
    """A line in the stock journal; never below what is reserved."""
    await key.claim(session)
    entry = body.entry(product_id, user.id)
    return StockEntryOut.of(entry, await products.count_stock(session, product_id, _owner(user), entry))


@catalogue.get("/categories", summary="List the categories")
async def list_categories(session: Reading) -> PageOf[CategoryOut]:
    """All that have active products, by name."""
    rows = await queries.list_categories(session)
    return PageOf(items=[CategoryOut(**row) for row in rows], next_cursor=None)


@downloads.get("/downloads", summary="List my downloads", responses=_problems(401, 422))
async def list_downloads(session: Reading, user: CurrentUser, page: Annotated[Page, Query()]) -> PageOf[DownloadOut]:
    """What the signed-in user bought and may download, newest first."""
    scope = f"downloads:{user.id}"
    rows = await queries.list_downloads(session, user.id, page.after(scope), page.limit)
    return page.page(rows, scope, DownloadOut.of, lambda grant: grant.id)
