"""What was captured before captures had rows of their own keeps its place."""

import asyncpg
from alembic import command
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from common.db import plain_dsn
from common.migrations import configuration
from payments.main import MIGRATIONS

_OLD = """
INSERT INTO payments (id, order_id, user_id, number, attempt, provider, flow, amount, currency, expires_at,
    correlation_id, status, version, provider_ref, polls, capture_ref, captured_at, created_at, attempts)
SELECT gen_random_uuid(), o.id, gen_random_uuid(), 'S-1', p.attempt, 'stripe', 'intent', 500, 'USD', now(), 'c',
    p.status, 3, p.ref, 0, p.capture, p.captured, now(), 0
FROM (SELECT gen_random_uuid() AS id) o, (VALUES (1, 'succeeded', 'pi_1', 'ch_1', now() - interval '1 minute'),
    (2, 'succeeded', 'pi_2', 'ch_2', now()), (3, 'mismatched', 'pi_3', NULL, NULL), (4, 'open', 'pi_4', NULL, NULL)
) AS p (attempt, status, ref, capture, captured);
INSERT INTO refunds (id, payment_id, order_id, provider, payment_ref, amount, currency, reason, correlation_id, system,
    status, version, polls, created_at, attempts)
SELECT gen_random_uuid(), id, order_id, provider, provider_ref, 7, 'USD', 'payment_mismatch', 'c', true, 'succeeded', 1,
    0, now(), 0
FROM payments WHERE status = 'mismatched';
"""


async def _upgrade(url: str, revision: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(
            lambda sync: command.upgrade(configuration(MIGRATIONS, {"connection": sync}), revision)
        )
        await connection.commit()
    await engine.dispose()


async def test_what_was_captured_before_has_its_row(make_database) -> None:
    url = await make_database("payments")
    await _upgrade(url, "0001")
    connection = await asyncpg.connect(plain_dsn(url))
    try:
        await connection.execute(_OLD)
        await _upgrade(url, "0002")
        rows = await connection.fetch("SELECT capture_ref, status, amount FROM captures ORDER BY capture_ref")
        assert [tuple(row) for row in rows] == [
            ("pi_1", "accepted", 500),
            ("pi_2", "surplus", 500),
            ("pi_3", "mismatched", 7),
        ]
        refs = await connection.fetch("SELECT capture_ref FROM payments ORDER BY attempt")
        assert [row[0] for row in refs] == ["pi_1", "pi_2", None, None]
        assert await connection.fetchval("SELECT capture_ref FROM refunds") == "pi_3"
    finally:
        await connection.close()
