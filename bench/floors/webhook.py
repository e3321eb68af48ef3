"""Starlette, an HMAC, and one INSERT that is committed: no event told, no trace, no problem details."""

import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

_TABLE = """
CREATE TABLE IF NOT EXISTS bare_webhooks (
    id uuid PRIMARY KEY, event_ref text NOT NULL UNIQUE, type text NOT NULL, body bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now())
"""
_STORE = """
INSERT INTO bare_webhooks (id, event_ref, type, body) VALUES ($1, $2, $3, $4) ON CONFLICT (event_ref) DO NOTHING
"""
SECRET = os.environ.get("FLOOR_SECRET", "whsec_bench").encode()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    url = os.environ["FLOOR_DATABASE"].replace("+asyncpg", "")
    async with asyncpg.create_pool(url, min_size=10, max_size=20) as pool:
        await pool.execute(_TABLE)
        app.state.pool = pool
        yield


async def take(request: Request) -> Response:
    body = await request.body()
    given = dict(part.split("=", 1) for part in request.headers["stripe-signature"].split(","))
    expected = hmac.new(SECRET, given["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, given["v1"]):
        return Response(status_code=400)
    event = orjson.loads(body)
    await request.app.state.pool.execute(_STORE, uuid7(), event["id"], event["type"], body)
    return JSONResponse({"received": True})


async def ready(_: Request) -> Response:
    return JSONResponse({})


app = Starlette(
    routes=[Route("/api/v1/payments/webhooks/stripe", take, methods=["POST"]), Route("/ready", ready)],
    lifespan=_lifespan,
)
