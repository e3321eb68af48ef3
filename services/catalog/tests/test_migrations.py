import asyncpg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from catalog.main import MIGRATIONS, build
from catalog.models import Base
from common.db import plain_dsn
from common.events import new_id
from common.migrations import MACHINERY, configuration
from common.testing import bearer, one_service


def differences(connection):
    def ours(_, name, kind, *__):
        return not (kind == "table" and name.startswith((*MACHINERY, "alembic_version")))

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
    return compare_metadata(context, Base.metadata)


async def test_models_and_migrations_agree(shop):
    async with shop.one.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_models_and_migrations_check_the_same(shop):
    rows = await shop.sql("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conname LIKE 'ck\\_%'")
    named = {str(check.name) for table in Base.metadata.tables.values() for check in table.constraints if check.name}
    checks = {name for name in named if name.startswith("ck_")}
    assert checks == {row["conname"] for row in rows}


OLD = """
INSERT INTO products (id, seller_id, kind, name, description, amount, currency, category, tags, images, metadata,
    active, version, created_at, updated_at)
SELECT id, gen_random_uuid(), 'physical', name, 'Ein Becher', 500, 'USD', category, '{"Größe"}', '{}', '{}', active,
    3, now(), now()
FROM (VALUES ('01a1feda-0000-7000-8000-000000000001'::uuid, 'Becher Größe 1', 'Küche', true),
    ('01a1feda-0000-7000-8000-000000000002', '☃', NULL, false),
    ('01a1feda-0000-7000-8000-000000000003', 'Becher', 'Küche/Bad', true)
) AS p (id, name, category, active);
INSERT INTO product_prices SELECT gen_random_uuid(), id, 400, 'USD', now() - interval '1 day', now() FROM products;
INSERT INTO product_prices SELECT gen_random_uuid(), id, 500, 'USD', now(), NULL FROM products;
INSERT INTO stock SELECT id, 7, 2 FROM products WHERE active;
INSERT INTO stock_entries SELECT gen_random_uuid(), id, 7, 'initial stock', seller_id, NULL, now()
    FROM products WHERE active;
INSERT INTO holdings SELECT gen_random_uuid(), seller_id, 'active', 1, NULL, NULL, false, '{}', now(), now(), now()
    FROM products WHERE active;
INSERT INTO reservations SELECT h.order_id, p.id, 'physical', 2, true, 'active', now(), now()
    FROM holdings h JOIN products p ON p.seller_id = h.user_id;
INSERT INTO product_transitions SELECT gen_random_uuid(), id, 1, NULL, 'active', now(), NULL, NULL FROM products
"""


async def upgrade(url, revision):
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(
            lambda sync: command.upgrade(configuration(MIGRATIONS, {"connection": sync}), revision)
        )
        await connection.commit()
    await engine.dispose()


async def test_products_of_the_time_before_variants_are_sold_as_before(databases):
    url = await databases.create("catalog")
    await upgrade(url, "0001")
    connection = await asyncpg.connect(plain_dsn(url))
    await connection.execute(OLD)
    await connection.close()
    await upgrade(url, "head")
    one = await one_service(build, MIGRATIONS, url)
    try:
        items = (await one.client.get("/products?sort=oldest&q=becher")).json()["items"]
        assert [(item["stock"], item["price"]["amount"], item["category"], item["version"]) for item in items] == [
            (5, 500, "Küche", 3),
            (5, 500, "Küche-Bad", 3),
        ]
        assert items[0]["slug"].startswith("becher-gro")
        assert [item["id"] for item in (await one.client.get("/products?q=grosse")).json()["items"]] != []
        admin = bearer(new_id(), "admin")
        archived = (await one.client.get("/products?status=archived", headers=admin)).json()["items"]
        assert [(item["name"], item["slug"][:8]) for item in archived] == [("☃", "product-")]
        body = {"price": {"amount": 600, "currency": "USD"}, "name": "Tasse"}
        changed = await one.client.patch(f"/products/{items[0]['id']}", json=body, headers=admin)
        assert (changed.status_code, changed.json()["price"]["amount"]) == (200, 600)
    finally:
        await one.close()
