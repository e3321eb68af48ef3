"""Starlette and asyncpg with catalog's own SQL and JSON; the bench refuses to run when the answers differ."""

import base64
import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_PRODUCT = """
SELECT p.id, p.seller_id, p.kind, p.name, p.description, p.amount, p.currency, s.on_hand - s.reserved AS stock,
    p.active, p.category, p.tags, p.images, p.metadata, p.version, p.created_at, p.updated_at
FROM products p LEFT JOIN stock s ON s.product_id = p.id
"""
LIST = f"{_PRODUCT} WHERE p.active ORDER BY p.id DESC LIMIT 21"
ONE = f"{_PRODUCT} WHERE p.id = $1"
_SCOPE = "products:[('category', None), ('kind', None), ('seller', None)]"


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    url = os.environ["FLOOR_DATABASE"].replace("+asyncpg", "")
    async with asyncpg.create_pool(url, min_size=10, max_size=20) as pool:
        app.state.pool = pool
        yield


def _product(row: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(row)
    price = {"amount": found.pop("amount"), "currency": found.pop("currency")}
    times = {name: _time(found[name]) for name in ("created_at", "updated_at")}
    names = ("id", "seller_id", "kind", "name", "description")
    return {
        **{name: found.pop(name) for name in names},
        "price": price,
        **found,
        "metadata": orjson.loads(found["metadata"]),
        **times,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _cursor(position: UUID) -> str:
    check = hashlib.blake2b(position.bytes + _SCOPE.encode(), digest_size=8, person=b"souk-cursor").digest()
    return base64.urlsafe_b64encode(position.bytes + check).decode().rstrip("=")


def _json(body: object) -> Response:
    return Response(orjson.dumps(body, default=str), media_type="application/json")


async def browse(request: Request) -> Response:
    rows = await request.app.state.pool.fetch(LIST)
    cursor = _cursor(rows[19]["id"]) if len(rows) > 20 else None
    return _json({"items": [_product(row) for row in rows[:20]], "next_cursor": cursor})


async def show(request: Request) -> Response:
    return _json(_product(await request.app.state.pool.fetchrow(ONE, UUID(request.path_params["id"]))))


async def ready(_: Request) -> Response:
    return _json({})


app = Starlette(
    routes=[Route("/api/v1/products", browse), Route("/api/v1/products/{id}", show), Route("/ready", ready)],
    lifespan=_lifespan,
)
