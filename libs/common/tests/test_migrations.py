"""Migrations: one call brings a database to this release, however many processes call it at once."""

import asyncio
import itertools
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from common.db import open_database
from common.events import new_id
from common.migrations import configuration, machinery_tables, migrate, partition

from .greeter.main import MIGRATIONS

BROKEN = """
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE half (id int)")
    op.execute("SELECT nonsense")
"""


async def names(url):
    database = open_database(url.replace("postgresql://", "postgresql+asyncpg://"), "test")
    try:
        async with database.engine.connect() as connection:
            found = await connection.execute(text("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"))
            return {row[0] for row in found}
    finally:
        await database.close()


async def test_processes_that_start_together_migrate_once(make_database, ask, open_service_database):
    url = await make_database("greeter")
    await asyncio.gather(*(migrate(url, MIGRATIONS) for _ in range(3)))
    database = await open_service_database("greeter", url=url)
    assert [row[0] for row in await ask(database, "SELECT version_num FROM alembic_version")] == ["0001"]
    assert {"outbox", "inbox", "outbox_sequence", "idempotency_keys", "jwks_cache"} <= await names(url)


async def test_a_migration_that_fails_leaves_nothing_behind(make_database, tmp_path):
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text((MIGRATIONS / "env.py").read_text())
    (tmp_path / "versions" / "0001.py").write_text(BROKEN)
    url = await make_database("greeter")
    with pytest.raises(Exception, match="nonsense"):
        await migrate(url, tmp_path)
    assert not {"half", "alembic_version"} & await names(url)


async def test_another_process_that_migrates_is_waited_for(make_database, open_service_database):
    url = await make_database("greeter")
    database = await open_service_database("greeter", url=url)
    async with database.engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(5057)"))
        task = asyncio.create_task(migrate(url, MIGRATIONS))
        await asyncio.sleep(0.5)
        assert not task.done()
    await task


async def test_an_event_lies_in_the_partition_of_its_month(make_database, ask, open_service_database):
    url = await make_database("greeter", template="greeter", prepare=lambda url: migrate(url, MIGRATIONS))
    database = await open_service_database("greeter", url=url)
    insert = "INSERT INTO outbox (id, type, subject) VALUES ($1, 't', 's') RETURNING tableoid::regclass::text AS place"
    [row] = await ask(database, insert, new_id())
    assert row["place"] == f"outbox_{datetime.now(UTC):%Y_%m}"


def test_a_year_of_partitions_joins_without_a_gap():
    bounds = [sql.split("'")[1::2] for sql in machinery_tables() if "outbox_2" in sql]
    assert len(bounds) == 12
    assert all(this[1] == following[0] for this, following in itertools.pairwise(bounds))
    assert "outbox_2026_12" in partition("outbox", datetime(2026, 12, 1, tzinfo=UTC))


def test_alembic_is_told_where_the_migrations_are():
    assert configuration(MIGRATIONS).get_main_option("script_location") == str(MIGRATIONS)
