"""The database door: limits on every connection, rows whole from birth, and nothing private in its errors."""

import asyncio
from enum import StrEnum
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from common import db
from common.db import EnumText, fetch, new_metadata
from common.events import new_id


class Base(db.Base):
    __abstract__ = True
    metadata = new_metadata()


class Mood(StrEnum):
    GLAD = "glad"
    SAD = "sad"


class Guest(Base):
    __tablename__ = "guests"
    name: Mapped[str] = mapped_column(unique=True)
    mood: Mapped[Mood | None] = mapped_column(EnumText(Mood), default=None)
    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)


@pytest.fixture
async def database(shared_database):
    async with shared_database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    return shared_database


async def test_an_enum_is_kept_as_text_and_read_as_its_member(database, ask):
    async with database.transaction() as session:
        session.add_all([Guest(name="Ada", mood=Mood.GLAD), Guest(name="Bob")])
    assert [row["mood"] for row in await ask(database, "SELECT mood FROM guests ORDER BY name")] == ["glad", None]
    async with database.reading() as session:
        ada, bob = (await session.scalars(select(Guest).order_by(Guest.name))).all()
    assert isinstance(ada.mood, Mood)
    assert (ada.mood, bob.mood) == (Mood.GLAD, None)


async def test_a_row_is_whole_before_it_is_written():
    guest = Guest(name="Ada")
    assert (guest.id.version, guest.mood) == (7, None)


async def test_constraints_have_the_names_migrations_know(database, ask):
    rows = await ask(database, "SELECT conname FROM pg_constraint WHERE conrelid = 'guests'::regclass")
    assert {"pk_guests", "uq_guests_name"} <= {row["conname"] for row in rows}


@pytest.mark.parametrize(
    ("limit", "value"),
    [("statement_timeout", "20s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "30s")],
)
async def test_nothing_hangs_for_ever(database, ask, limit, value):
    [row] = await ask(database, f"SHOW {limit}")
    assert row[limit] == value


async def test_connections_say_whose_they_are(open_service_database, ask):
    [row] = await ask(await open_service_database("orders"), "SHOW application_name")
    assert row["application_name"] == "souk-orders"


async def test_an_error_does_not_tell_what_was_in_the_row(database):
    async def add():
        async with database.transaction() as session:
            await session.execute(
                text("INSERT INTO guests (id, name) VALUES (:id, :name)"), {"id": new_id(), "name": 7}
            )

    with pytest.raises(DBAPIError) as caught:
        await add()
    assert "hidden" in str(caught.value)


async def test_connections_the_server_has_closed_are_replaced_unseen(open_service_database, ask):
    database, killer = await open_service_database("orders"), await open_service_database("killer")
    for query in (fetch, lambda session, sql: session.execute(text(sql))):
        async with database.transaction() as session:
            [[pid]] = await fetch(session, "SELECT pg_backend_pid()")
        await ask(killer, "SELECT pg_terminate_backend($1, 5000)", pid)
        await asyncio.sleep(0.2)  # the news is on its way
        async with database.transaction() as session:
            await query(session, "SELECT 1")


async def test_a_statement_by_itself_is_committed_in_one_trip(database, ask):
    insert = "INSERT INTO guests (id, name) VALUES ($1, $2) RETURNING name"
    assert [row["name"] for row in await database.once(insert, new_id(), "Ada")] == ["Ada"]
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.once(insert, new_id(), "Ada")
    assert len(await ask(database, "SELECT FROM guests")) == 1
    assert database.engine.pool.checkedout() == 0


async def test_a_statement_by_itself_outlives_a_connection_that_ended_or_was_given_up(database):
    backend = "SELECT pg_backend_pid() AS pid"
    with pytest.raises((asyncpg.PostgresError, asyncpg.ConnectionDoesNotExistError)):
        await database.once("SELECT pg_terminate_backend(pg_backend_pid())")
    [first] = await database.once(backend)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await database.once("SELECT pg_sleep(5)")
    [second] = await database.once(backend)
    assert first["pid"] != second["pid"], "what a cancelled statement may still be doing disturbs nobody"
    assert database.engine.pool.checkedout() == 0
