"""`POST /orders` without waiting, beside a bare application that writes an order and an outbox row."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import orjson

from bench.load import Load, request, send
from bench.machines import Machines
from bench.rounds import Measured, alternate, compare
from common.events import new_id
from common.testing import bearer

COUNT, CONNECTIONS, BUYERS, PRODUCTS = 800, 16, 50, 100
_PRODUCT = """
INSERT INTO products (id, version, kind, name, price_amount, currency, active)
SELECT id, 1, 'digital', 'Dunes at dawn', 2599, 'USD', true FROM unnest($1::uuid[]) AS given (id)
"""


async def measure(machines: Machines) -> Measured:
    """Place orders of two lines as fast as possible."""
    await machines.services()
    products = [new_id() for _ in range(PRODUCTS)]
    await machines.sql("souk_orders", _PRODUCT, products)
    with machines.api("orders") as ours, machines.floor("orders", "postgres") as floor:

        async def run(port: int, count: int = COUNT) -> float:
            return (await send(Load(port, _orders(products, count), CONNECTIONS))).all_are(201).rate

        await run(ours, 200)
        await run(floor, 200)
        found = await alternate({"bare ORM": lambda: run(floor), "POST /orders": lambda: run(ours)})
    line = compare(found, "POST /orders, wait=0, two lines", ("POST /orders", "bare ORM"), 0.7)
    return Measured("orders", f"{COUNT} orders over {CONNECTIONS} connections, one api process", [line])


def _orders(products: Sequence[UUID], count: int) -> list[bytes]:
    buyers = [bearer(new_id(), lifetime=timedelta(hours=1)) for _ in range(BUYERS)]
    return [an_order(products[n % PRODUCTS :][:2] or products[:2], buyers[n % BUYERS]) for n in range(count)]


def an_order(products: Sequence[UUID | str], buyer: dict[str, str], wait: int = 0) -> bytes:
    """Return the request for an order of these products, with a key of its own."""
    items = [{"product_id": str(product), "quantity": 1} for product in products]
    body = orjson.dumps({"items": items, "payment": {"provider": "stripe", "flow": "intent"}})
    own = {"Content-Type": "application/json", "Idempotency-Key": str(new_id()), "Prefer": f"wait={wait}"}
    return request("POST", "/api/v1/orders", {**buyer, **own}, body)
