"""The tables the migrations make are the tables the models describe."""

from typing import Any

import asyncpg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url, pool
from sqlalchemy.ext.asyncio import create_async_engine

from common.db import plain_dsn
from common.migrations import MACHINERY, configuration
from orders.main import MIGRATIONS
from orders.models import Base

Shop = Any  # conftest.Shop, which cannot be imported from here


def _differences(connection: Connection) -> list[Any]:
    def ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return not (kind == "table" and str(name).startswith((*MACHINERY, "alembic")))

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
    return list(compare_metadata(context, Base.metadata))


async def test_models_and_migrations_agree(shop: Shop) -> None:
    async with shop.one.database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def _upgrade(url: str, revision: str) -> None:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=pool.NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(
            lambda sync: command.upgrade(configuration(MIGRATIONS, {"connection": sync}), revision)
        )
    await engine.dispose()


# Number 1 was paid, 2 gave 100 back of it, 3 gave all back, 4 was never paid, 5's late money went back.
_BEFORE = """
INSERT INTO products (id, version, kind, name, price_amount, currency, active, seller_id, prices)
SELECT id(100), 1, 'digital', 'Dune', 333, 'USD', true, id(200), '{"USD": 333}';
INSERT INTO orders (id, number, user_id, total, currency, provider, flow, created_at, expires_at, metadata, status,
    payment_status, version, attempt, refunded, refunds)
SELECT id(n), n::text, id(300), 1000, 'USD', 'stripe', 'intent', '2026-01-01 00:00Z', '2026-01-01 00:00Z', '{}', status,
    'none', 1, 1, back, CASE WHEN back > 0 THEN jsonb_build_object(id(400 + n)::text, jsonb_build_object(
        'amount', back, 'state', 'succeeded', 'own', true)) ELSE '{}' END
FROM (VALUES (1, 'paid', 0), (2, 'fulfilled', 100), (3, 'refunded', 1000), (4, 'pending', 0), (5, 'cancelled', 1000))
    AS o (n, status, back);
INSERT INTO order_lines (id, order_id, position, product_id, kind, name, quantity, unit_price, seller_id)
SELECT id(n * 10 + place), id(n), place, id(100), 'digital', 'Dune', 1, price, seller
FROM generate_series(1, 5) AS n,
    (VALUES (1, 333, NULL), (2, 333, id(201)), (3, 334, id(200))) AS l (place, price, seller);
INSERT INTO order_transitions (id, order_id, version, came_from, went_to, at)
SELECT id(500 + n), id(n), 2, 'awaiting_payment', 'paid', '2026-01-02 00:00Z' FROM generate_series(1, 3) AS n;
INSERT INTO order_transitions (id, order_id, version, came_from, went_to, at)
SELECT id(600), id(3), 3, 'paid', 'refunded', '2026-01-03 00:00Z';
"""
_ID = "CREATE FUNCTION id(n integer) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid"


async def test_what_was_sold_and_given_back_before_there_was_a_journal_is_in_it(make_database: Any) -> None:
    url = await make_database("orders")
    await _upgrade(url, "0003")
    book = await asyncpg.connect(plain_dsn(url))
    try:
        await book.execute(_ID)
        await book.execute(_BEFORE)
        await _upgrade(url, "0004")
        entries = await book.fetch("SELECT * FROM sale_entries ORDER BY line_id, kind DESC")
    finally:
        await book.close()
    found = [
        (entry["line_id"].hex.lstrip("0"), entry["kind"], entry["quantity"], entry["amount"], entry["at"].day)
        for entry in entries
    ]
    assert found == [
        *((f"1{place}", "sold", 1, price, 2) for place, price in ((1, 333), (2, 333), (3, 334))),
        *(("21", "sold", 1, 333, 2), ("21", "refunded", 0, 33, 2)),
        *(("22", "sold", 1, 333, 2), ("22", "refunded", 0, 33, 2)),
        *(("23", "sold", 1, 334, 2), ("23", "refunded", 0, 34, 2)),
        *(("31", "sold", 1, 333, 2), ("31", "refunded", 1, 333, 3)),
        *(("32", "sold", 1, 333, 2), ("32", "refunded", 1, 333, 3)),
        *(("33", "sold", 1, 334, 2), ("33", "refunded", 1, 334, 3)),
    ]
    sellers = {entry["line_id"].hex[-1]: entry["seller_id"].int for entry in entries}
    assert sellers == {"1": 0x200, "2": 0x201, "3": 0x200}
