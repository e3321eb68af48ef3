"""Products: looked for by everybody, put up and changed by sellers."""

import re
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.actions import products as actions
from catalog.actions.products import Editor
from catalog.errors import ProductNotFound
from catalog.routes.doors import NOT_MODIFIED, Seller, Visitor, owner, refusals, who_asks
from catalog.schemas import SLUG, NewProduct, ProductChanges, ProductOut, ProductPage, shown
from common.auth import Principal
from common.errors import Forbidden, Unauthenticated
from common.http import Once, PageOf, Tx, hot, once, read_query, router
from common.http.conditional import IfMatch, answer, changed
from common.http.deps import database_of
from common.http.fields import Id, is_id

products = router(tags=["catalog"])

# What visitors see may be a few seconds old; what only some may see is not kept by anybody.
_PUBLIC, _FRESH, _PRIVATE = "public, max-age=5", "public, no-cache", "private, no-store"
Key = Annotated[str, Path(max_length=80, description="A product's id or its slug.")]


async def _page(request: Request) -> dict[str, Any]:
    return {"request": request, "visitor": await who_asks(request), "page": read_query(ProductPage, request)}


async def _one(request: Request) -> dict[str, Any]:
    key = request.path_params["product_id"]
    return {"request": request, "visitor": await who_asks(request), "product_id": key}


@products.get(
    "/products",
    summary="Find products",
    response_model=PageOf[ProductOut],
    responses=NOT_MODIFIED | refusals(401, 403, 422),
)
@hot(_page)
async def list_products(request: Request, visitor: Visitor, page: Annotated[ProductPage, Query()]) -> Response:
    """What is sold, narrowed by filters and words, newest first or by relevance; sellers see their drafts too."""
    shelf = page.shelf(_only(visitor) if page.status != "active" else None)
    scope = f"products:{shelf.seller_id}"
    after = page.position(scope)
    rows = [] if page.hopeless else await queries.list_products(database_of(request), shelf, after, page.limit)
    found = {
        "items": [shown(row) for row in rows[: page.limit]],
        "next_cursor": page.next(rows, scope, lambda row: (row["id"], row["key"])),
    }
    return answer(request, _json(found), _PUBLIC if page.status == "active" else _PRIVATE)


@products.post(
    "/products",
    status_code=201,
    summary="Put a product up",
    response_model=ProductOut,
    responses=refusals(400, 401, 403, 409, 422),
)
async def create_product(session: Tx, user: Seller, body: NewProduct, key: Annotated[Once, once()]) -> Response:
    """The signed-in seller sells it from now on, or keeps it as a draft."""
    await key.claim(session)
    wishes = body.wishes()
    product, stock = body.product(user.id, wishes)
    await actions.create_products(session, [(product, stock, body.category)])
    return await _show(session, product.id, 201)


@products.get(
    "/products/{product_id}",
    summary="Show a product",
    response_model=ProductOut,
    responses=NOT_MODIFIED | refusals(401, 404),
)
@hot(_one)
async def show_product(request: Request, product_id: Key, visitor: Visitor) -> Response:
    """By its id or slug. A draft or an archived product is shown to its seller and to administrators only."""
    viewer, sees_all = (visitor.id, visitor.has("admin")) if visitor else (None, False)
    row = await queries.get_product(database_of(request), _id_or_slug(product_id), viewer, sees_all=sees_all)
    return answer(request, _json(shown(row)), _FRESH if row["status"] == "active" else _PRIVATE, row["version"])


@products.patch(
    "/products/{product_id}",
    summary="Change a product",
    response_model=ProductOut,
    responses=refusals(400, 401, 403, 404, 409, 412, 422),
)
async def edit_product(session: Tx, user: Seller, product_id: Id, body: ProductChanges, condition: IfMatch) -> Response:
    """What is absent stays as it is; orders made until now keep the old price. `If-Match` guards others' changes."""
    await actions.edit_product(session, product_id, Editor(owner(user), condition.check), body.edit())
    return await _show(session, product_id)


@products.delete(
    "/products/{product_id}",
    status_code=204,
    summary="Archive a product",
    responses=refusals(401, 403, 404, 412),
)
async def archive_product(session: Tx, user: Seller, product_id: Id, condition: IfMatch) -> None:
    """It is no longer sold nor shown; what was bought stays."""
    await actions.archive_product(session, product_id, Editor(owner(user), condition.check))


def _only(visitor: Principal | None) -> UUID | None:
    """Whose products that are not sold may be listed; raises Unauthenticated and Forbidden."""
    if visitor is None:
        raise Unauthenticated
    if not visitor.has("seller", "admin"):
        raise Forbidden
    return owner(visitor)


def _id_or_slug(key: str) -> UUID | str:
    if is_id(key):
        return UUID(key)
    if not re.fullmatch(SLUG, key):
        raise ProductNotFound
    return key


async def _show(session: AsyncSession, product_id: UUID, status: int = 200) -> Response:
    row = await queries.get_product(session, product_id, sees_all=True)
    return changed(_json(shown(row)), row["version"], status)


def _json(found: dict[str, Any]) -> bytes:
    return orjson.dumps(found, default=str, option=orjson.OPT_UTC_Z)
