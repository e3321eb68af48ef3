"""Alembic in one call, and the machinery's own tables, which every service's first migration makes."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, make_url, pool
from sqlalchemy.ext.asyncio import create_async_engine

_one_at_a_time = asyncio.Lock()  # alembic's context is a global
MACHINERY = ("outbox", "inbox", "outbox_sequence", "idempotency_keys", "jwks_cache")

_TABLES = """
CREATE TABLE outbox (
    id uuid PRIMARY KEY, type text NOT NULL, subject text NOT NULL, lane smallint NOT NULL DEFAULT 0,
    shard smallint NOT NULL DEFAULT 0, mandatory boolean NOT NULL DEFAULT true, sequence bigint, body bytea,
    sent_at timestamptz, retry_at timestamptz, attempts integer NOT NULL DEFAULT 0, error text
) PARTITION BY RANGE (id);
CREATE INDEX ix_outbox_unsent ON outbox (shard, lane, id) WHERE sent_at IS NULL;
CREATE TABLE outbox_sequence (source text PRIMARY KEY, last bigint NOT NULL);
CREATE TABLE inbox (
    id uuid PRIMARY KEY, type text NOT NULL, source text NOT NULL, partition_key text NOT NULL, sequence bigint,
    status text NOT NULL CHECK (status IN ('done', 'waiting', 'parked')),
    received_at timestamptz NOT NULL DEFAULT now(), done_at timestamptz, attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz, not_yet boolean NOT NULL DEFAULT false, error text, body bytea
) PARTITION BY RANGE (id);
CREATE INDEX ix_inbox_due ON inbox (next_at) WHERE status = 'waiting';
CREATE INDEX ix_inbox_neighbours ON inbox (partition_key) WHERE status = 'waiting' AND not_yet;
CREATE INDEX ix_inbox_parked ON inbox (received_at) WHERE status = 'parked';
CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL, key text NOT NULL, route text NOT NULL, body_hash bytea NOT NULL, resource uuid,
    status smallint, body bytea, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (user_id, key)
);
CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at);
CREATE TABLE jwks_cache (id smallint PRIMARY KEY, jwks text NOT NULL, refreshed_at timestamptz NOT NULL DEFAULT now());
"""

# Whatever was granted, by default or by hand: who is not the owner reads no table, and of a table no column, whose
# comment says that it is secret.
WITHHOLD_SECRETS: Final = """
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT marked.place, marked.entirely, readers.reader, (
            SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
            WHERE attrelid = marked.place AND attnum > 0 AND NOT attisdropped
              AND col_description(attrelid, attnum) IS DISTINCT FROM 'secret'
        ) AS others
        FROM (
            SELECT objoid::regclass AS place, bool_or(objsubid = 0) AS entirely FROM pg_description
            WHERE classoid = 'pg_class'::regclass AND description = 'secret' GROUP BY objoid
        ) AS marked
        CROSS JOIN LATERAL (
            SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS reader
            FROM pg_class AS c CROSS JOIN LATERAL (
                SELECT * FROM aclexplode(c.relacl)
                UNION ALL
                SELECT granted.* FROM pg_attribute AS a CROSS JOIN LATERAL aclexplode(a.attacl) AS granted
                WHERE a.attrelid = c.oid
            ) AS granted
            WHERE c.oid = marked.place AND grantee <> c.relowner AND privilege_type = 'SELECT'
        ) AS readers
    LOOP
        EXECUTE concat('REVOKE SELECT ON ', held.place, ' FROM ', held.reader);
        IF NOT held.entirely AND held.others IS NOT NULL THEN
            EXECUTE concat('GRANT SELECT (', held.others, ') ON ', held.place, ' TO ', held.reader);
        END IF;
    END LOOP;
END $$
"""
# Held by a transaction that migrates or that grants.
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(5057)"


def machinery_tables() -> Iterator[str]:
    """Yield the statements that make the outbox, the inbox and their companions, with a year of partitions."""
    yield from filter(str.strip, _TABLES.split(";\n"))
    for table in ("outbox", "inbox"):
        yield f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT"
        yield from (partition(table, month) for month in _months(datetime.now(UTC), 12))


def partition(table: str, month: datetime) -> str:
    """Return the statement that makes a month's partition: UUIDv7 ids begin with their time."""
    after = _next_month(month)
    return (
        f"CREATE TABLE IF NOT EXISTS {table}_{month:%Y_%m} PARTITION OF {table} "
        f"FOR VALUES FROM ('{_floor(month)}') TO ('{_floor(after)}')"
    )


def _floor(month: datetime) -> UUID:
    return UUID(int=int(month.timestamp() * 1000) << 80)


def _next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _months(start: datetime, count: int) -> Iterator[datetime]:
    month = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(count):
        yield month
        month = _next_month(month)


def coming_partitions(count: int = 12) -> Iterator[str]:
    """Yield the statements that make the partitions of the coming months where they are missing."""
    for table in ("outbox", "inbox"):
        yield from (partition(table, month) for month in _months(datetime.now(UTC), count))


def run_environment(metadata: MetaData) -> None:
    """Be a service's alembic `env.py`: migrate over the connection that `migrate` put into the configuration.

    What the models call secret (`comment=WITHHELD`) is then read by its owner alone, whoever may read the rest.
    """
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        include_object=lambda _, name, kind, *__: not (kind == "table" and str(name).startswith(MACHINERY)),
    )
    with context.begin_transaction():
        context.run_migrations()
        connection.exec_driver_sql(WITHHOLD_SECRETS)


def configuration(folder: Path, attributes: Mapping[str, object] = {}) -> Config:
    """Return alembic's configuration for a service's `migrations` folder."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes.update(attributes)
    return config


async def migrate(url: str, folder: Path) -> None:
    """Bring a service's database to this release; processes that start together wait for each other."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=pool.NullPool)
    try:
        async with asyncio.timeout(120), _one_at_a_time, engine.connect() as connection:
            await connection.run_sync(_upgrade, folder)
            await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, folder: Path) -> None:
    connection.exec_driver_sql(ONE_AT_A_TIME)
    command.upgrade(configuration(folder, {"connection": connection}), "head")
