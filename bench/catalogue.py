"""The catalogue's list and detail, beside bare Starlette and asyncpg with the same SQL and the same JSON."""

import orjson

from bench.load import Load, request, send
from bench.machines import Machines
from bench.rounds import Measured, alternate, compare
from common.events import new_id

CONNECTIONS, PRODUCTS = 16, 1000
_PRODUCTS = """
INSERT INTO products (id, seller_id, kind, name, description, amount, currency, category, tags, images, metadata,
    active, version, created_at, updated_at)
SELECT id, $2, 'physical', 'Dunes at dawn ' || n, repeat('One of the pictures of the shop. ', 8), 2599, 'USD',
    'landscape', '{landscape,physical}', '{https://images.souk.test/dunes.jpg}', '{"maker": "Sara"}',
    true, 1, now(), now()
FROM unnest($1::uuid[]) WITH ORDINALITY AS given (id, n)
"""
_STOCK = "INSERT INTO stock (product_id, on_hand, reserved) SELECT id, 100, 3 FROM unnest($1::uuid[]) AS given (id)"


async def measure(machines: Machines) -> Measured:
    """Read as fast as possible."""
    await machines.services()
    ids = [new_id() for _ in range(PRODUCTS)]
    await machines.sql("souk_catalog", _PRODUCTS, ids, new_id())
    await machines.sql("souk_catalog", _STOCK, ids)
    await machines.sql("souk_catalog", "ANALYZE")
    pages = [request("GET", "/api/v1/products?limit=20")] * 700
    details = [request("GET", f"/api/v1/products/{ids[n % PRODUCTS]}") for n in range(2000)]
    with machines.api("catalog") as ours, machines.floor("catalogue", "souk_catalog") as floor:

        async def run(port: int, requests: list[bytes]) -> float:
            return (await send(Load(port, requests, CONNECTIONS))).all_are(200).rate

        for requests in (pages, details):
            one, other = [(await send(Load(port, requests[:200], CONNECTIONS))) for port in (ours, floor)]
            last = [(await send(Load(port, requests[:1], 1))).last for port in (ours, floor)]
            assert orjson.loads(last[0]) == orjson.loads(last[1]), "the same JSON"
            assert one.statuses == other.statuses
        found = await alternate(
            {
                "bare list": lambda: run(floor, pages),
                "list": lambda: run(ours, pages),
                "bare detail": lambda: run(floor, details),
                "detail": lambda: run(ours, details),
            }
        )
    return Measured(
        "catalogue",
        f"{PRODUCTS} products, {CONNECTIONS} connections, one api process",
        [
            compare(found, "catalogue, list of 20 with prices and stock", ("list", "bare list"), 0.5),
            compare(found, "catalogue, detail", ("detail", "bare detail"), 0.5),
        ],
    )
