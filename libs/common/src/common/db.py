"""The database door: the models' base, transactions that wake others once committed, and compiled SQL by `fetch`."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import MetaData, Text, TypeDecorator, event, make_url
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, ORMExecuteState, Session, SessionTransaction
from sqlalchemy.util import greenlet_spawn

from common.faults import faultpoint
from common.redacted import redacted
from common.telemetry.statements import statement
from common.wakeups import Waker

# The comment of tables and columns that their owner alone may read: common.migrations sees to it.
WITHHELD: Final = "secret"
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """The base of a service's tables: rows are whole dataclasses from birth, with ids made here.

    Each service derives its own `class Base(common.db.Base): __abstract__ = True; metadata = new_metadata()`.
    """

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: TIMESTAMP(timezone=True),
        UUID: PG_UUID(as_uuid=True),
        str: Text,
        dict[str, Any]: JSONB,
        dict[str, str]: JSONB,
        list[str]: JSONB,
    }


class EnumText(TypeDecorator[StrEnum]):
    """A StrEnum kept as text: `status: Mapped[Status] = mapped_column(EnumText(Status))`."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__()
        self.kind = kind

    def process_result_value(self, value: str | None, _dialect: object) -> StrEnum | None:
        """Return the member a stored text stands for."""
        return None if value is None else self.kind(value)


def new_metadata() -> MetaData:
    """Return a metadata with the project's naming convention: one per service, for several share a process."""
    return MetaData(naming_convention=_NAMES)


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)


class Database:
    """One service's database: `async with database.transaction() as session` commits at its end or rolls back."""

    def __init__(self, engine: AsyncEngine, service: str, waker: Waker) -> None:
        self.engine, self.service, self.waker = engine, service, waker
        self.dsn = plain_dsn(engine.url.render_as_string(hide_password=False))
        self._info = {"source": f"/{service}", "waker": waker, "shards": 1}
        self._sessions = async_sessionmaker(
            engine, info=self._info, expire_on_commit=False, sync_session_class=UnitOfWork
        )
        # A query alone needs no BEGIN and no ROLLBACK around it: one trip to the server instead of three.
        queries = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._queries = async_sessionmaker(queries, expire_on_commit=False, sync_session_class=QueryOnly)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Give a session whose work is committed at the end; a cancellation waits for a commit under way."""
        with redacted():
            async with self._sessions() as session:
                yield session
                told = bool(session.info.get("outgoing"))
                with statement("COMMIT"):
                    await _carried_through(session.commit())
                if told:
                    await faultpoint("outbox.committed")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Give a session for queries, each of which sees what is committed when it runs.

        It refuses to flush, insert, update and delete; SQL given as text is not looked into.
        """
        with redacted():
            async with self._queries() as session:
                yield session

    async def once(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run one statement (`$1`, `$2` …) by itself, in one trip: it is committed when this returns."""
        try:
            pooled: Any = await greenlet_spawn(self.engine.sync_engine.pool.connect)
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise error.__cause__ or error from None  # the driver's own, as every error of this door
        whole = False
        try:
            with redacted(), statement(sql):
                rows: list[asyncpg.Record] = await pooled.driver_connection.fetch(sql, *args)
            whole = True
        except asyncpg.PostgresError:
            whole = True  # the server refused; the connection is as good as before
            raise
        finally:
            if not whole:
                pooled.invalidate(soft=True)
            await greenlet_spawn(pooled.close)
        return rows

    def spread(self, shards: int) -> None:
        """Let facts be written into so many shards of the outbox from now on."""
        self._info["shards"] = shards

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def _carried_through(commit: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(commit)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise


def open_database(
    url: str, service: str, *, waker: Waker | None = None, pool_size: int = 6, application: str = ""
) -> Database:
    """Open a service's database; every connection has time limits, so that nothing hangs for ever."""
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,  # what overflows is closed after one use, and opening it again costs the server a process
        pool_timeout=5,
        pool_pre_ping=False,
        pool_use_lifo=True,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # errors are logged and kept in the inbox; what was in the row is nobody's business
        connect_args={
            "timeout": 10,
            "command_timeout": 30,
            "server_settings": {
                "application_name": application or f"souk-{service}",
                "statement_timeout": "20000",
                "lock_timeout": "5000",
                "idle_in_transaction_session_timeout": "30000",
                "jit": "off",
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return Database(engine, service, waker or Waker())


def _refuse_closed(connection: Any, *_: object) -> None:  # noqa: ANN401 - SQLAlchemy's adapter
    # A restart of the server closes every pooled connection; the pool opens another when it is told so.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def plain_dsn(url: str) -> str:
    """Return the URL as asyncpg itself takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


Source = AsyncSession | Database


async def fetch(source: Source, sql: str, *args: object) -> list[asyncpg.Record]:
    """Run compiled SQL (`$1`, `$2` …) on the session's own connection, in its transaction; it does not flush.

    The door past SQLAlchemy for the hot machinery: one such statement costs a third of a Core one. Given the database
    itself, the statement is alone, and one trip.
    """
    if isinstance(source, Database):
        return await source.once(sql, *args)
    session = source
    adapter: Any = session.info.get("adapter")
    if adapter is None:
        connection = await session.connection()
        adapter = session.info["adapter"] = (await connection.get_raw_connection()).dbapi_connection
    if adapter._transaction is None:  # noqa: SLF001 - SQLAlchemy begins lazily, and only for its own statements
        try:
            await adapter._start_transaction()  # noqa: SLF001 - as above
        except adapter.dbapi.Error as error:
            raise error.__cause__ or error from None  # the driver's own, as every error of this door
    with statement(sql):
        rows: list[asyncpg.Record] = await adapter.driver_connection.fetch(sql, *args)
    return rows


def wake_after_commit(session: AsyncSession, *topics: str) -> None:
    """Wake whoever waits for these topics once this transaction is committed."""
    session.info.setdefault("wakes", set()).update(topics)


class UnitOfWork(Session):
    """The session under every AsyncSession: events are written just before the commit, wake-ups sent just after.

    A savepoint that is rolled back takes with it only what was told since it began.
    """


class QueryOnly(Session):
    """The session of `reading()`: every statement stands alone, and what it wrote would be kept at once."""


_INSERT_EVENTS = """
INSERT INTO outbox (id, type, subject, lane, shard, mandatory, body)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::smallint[], $6::boolean[], $7::bytea[])
"""


@event.listens_for(UnitOfWork, "before_commit")
def _write_events(session: Session) -> None:
    if session.in_nested_transaction():
        return
    rows = session.info.pop("outgoing", None)
    if rows:
        session.flush()
        session.connection().exec_driver_sql(_INSERT_EVENTS, tuple(zip(*rows, strict=True)))
        session.info.setdefault("wakes", set()).add("outbox")


@event.listens_for(UnitOfWork, "after_commit")
def _wake_others(session: Session) -> None:
    topics = None if session.in_nested_transaction() else session.info.pop("wakes", None)
    if topics:
        session.info["waker"].wake(topics)


@event.listens_for(UnitOfWork, "after_rollback")
def _forget(session: Session) -> None:
    if session.in_nested_transaction():
        del session.info.get("outgoing", [])[session.info["savepoints"][-1] :]
        return
    session.info.pop("outgoing", None)
    session.info.pop("wakes", None)


@event.listens_for(UnitOfWork, "after_transaction_create")
def _mark_savepoint(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        session.info.setdefault("savepoints", []).append(len(session.info.get("outgoing", ())))


@event.listens_for(UnitOfWork, "after_transaction_end")
def _unmark_savepoint(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        session.info["savepoints"].pop()


@event.listens_for(QueryOnly, "before_flush")
def _refuse_to_flush(*_: object) -> None:
    raise RuntimeError("this session only reads")


@event.listens_for(QueryOnly, "do_orm_execute")
def _refuse_to_write(given: ORMExecuteState) -> None:
    if given.is_insert or given.is_update or given.is_delete:
        raise RuntimeError("this session only reads")


@event.listens_for(UnitOfWork, "after_transaction_end")
@event.listens_for(QueryOnly, "after_transaction_end")
def _forget_connection(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop("adapter", None)
