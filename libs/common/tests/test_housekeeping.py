"""What every service does on the side: it forgets, counts, and makes room."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from common.events import Event, new_id
from common.housekeeping import housekeeping, make_partitions, null_old_bodies
from common.migrations import _months, coming_partitions, machinery_tables, partition
from common.outbox import emit


class Counted(Event, wire="test.counted", subject="subject_id"):
    subject_id: UUID


@pytest.fixture
async def database(open_service_database):
    return await open_service_database("tidy")


async def tell(database, count):
    async with database.transaction() as session:
        return [emit(session, Counted(subject_id=new_id())) for _ in range(count)]


async def test_bodies_are_forgotten_seven_days_after_they_were_sent_and_rows_never(database, ask):
    old, recent, unsent = await tell(database, 3)
    await ask(database, "UPDATE outbox SET sent_at = now() - interval '8 days' WHERE id = $1", old)
    await ask(database, "UPDATE outbox SET sent_at = now() - interval '6 days' WHERE id = $1", recent)
    assert await null_old_bodies(database) == 1
    assert await null_old_bodies(database) == 0
    rows = await ask(database, "SELECT id, body IS NULL AS forgotten FROM outbox ORDER BY id")
    assert [(row["id"], row["forgotten"]) for row in rows] == [(old, True), (recent, False), (unsent, False)]


async def test_gauges_show_what_waits(database, metrics, ask):
    async def gauges():
        await loops["gauges"].run()
        names = ("outbox_unsent", "outbox_oldest_seconds", "inbox_waiting", "inbox_parked")
        return [metrics.registry.get_sample_value(f"souk_{name}") for name in names]

    loops = {loop.name: loop for loop in housekeeping(database, metrics)}
    assert loops.keys() == {"gauges", "old bodies", "old keys", "partitions"}
    assert await gauges() == [0, 0, 0, 0]
    await tell(database, 2)
    for status, count in (("waiting", 1), ("parked", 2)):
        for _ in range(count):
            sql = "INSERT INTO inbox (id, type, source, partition_key, status) VALUES ($1, '', '', '', $2)"
            await ask(database, sql, new_id(), status)
    unsent, age, waiting, parked = await gauges()
    assert (unsent, waiting, parked) == (2, 1, 2)
    assert 0 < age < 60
    for name in ("old bodies", "old keys", "partitions"):
        assert await loops[name].run() == 0


async def partitions(ask, database):
    rows = await ask(database, "SELECT relname FROM pg_class WHERE relname ~ '^(outbox|inbox)_[0-9]' AND relkind = 'r'")
    return {row["relname"] for row in rows}


async def test_a_year_of_partitions_is_made_once_and_ids_fall_into_their_months(database, ask):
    await make_partitions(database)
    made = await partitions(ask, database)
    assert len(made) == 24
    await make_partitions(database)
    assert await partitions(ask, database) == made
    await tell(database, 1)
    [row] = await ask(database, "SELECT tableoid::regclass::text AS place FROM outbox")
    assert row["place"] == f"outbox_{datetime.now(UTC):%Y_%m}"


async def test_ids_from_the_future_stop_only_their_own_partition(database, ask):
    ahead = datetime.now(UTC) + timedelta(days=100)
    future = UUID(int=int(ahead.timestamp() * 1000) << 80)
    sql = "INSERT INTO inbox (id, type, source, partition_key, status) VALUES ($1, '', '', '', 'done')"
    await ask(database, sql, future)
    await make_partitions(database)
    made = await partitions(ask, database)
    assert len(made) == 23
    assert f"inbox_{ahead:%Y_%m}" not in made


def test_months_follow_each_other_over_the_years_end():
    months = list(_months(datetime(2026, 11, 21, 9, 30, tzinfo=UTC), 3))
    assert [f"{month:%Y-%m-%d %H:%M}" for month in months] == [
        "2026-11-01 00:00",
        "2026-12-01 00:00",
        "2027-01-01 00:00",
    ]
    december = partition("inbox", months[1])
    assert december.startswith("CREATE TABLE IF NOT EXISTS inbox_2026_12 PARTITION OF inbox FOR VALUES FROM")
    assert december.split("TO ")[1] == partition("inbox", months[2]).split("FROM ")[1].split(" TO")[0]


def test_migrations_and_housekeeping_make_the_same_partitions():
    assert set(coming_partitions()) <= set(machinery_tables())
