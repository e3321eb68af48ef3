"""Spans of SQL: every statement that is run inside a span, by its text and never by its values."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Final

from opentelemetry.trace import Span, Tracer
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from common.telemetry.spans import SpanKind, begin, outcome, within

_NOTHING: Final[AbstractContextManager[None]] = nullcontext()
_LONGEST: Final = 1000
_DEED: Final = re.compile(r"\b(?:(INSERT) INTO|(UPDATE)|(DELETE) FROM|FROM)\s+([a-z][a-z_]+)")
_ASIDE: Final = re.compile(r"(?:WITH|,|\))\s*([a-z_]+) AS (?:MATERIALIZED )?\(")
_OPEN: Final = "souk spans"


def statement(sql: str) -> AbstractContextManager[None]:
    """Run a statement under a span of its own, if what it is run for has one."""
    tracer = within()
    return _NOTHING if tracer is None else _timed(tracer, sql)


@contextmanager
def _timed(tracer: Tracer, sql: str) -> Iterator[None]:
    made = _begin(tracer, sql)
    try:
        yield
    except BaseException as error:
        outcome(made, error)
        raise
    finally:
        made.end()


def watch(engine: Engine) -> None:
    """Have what SQLAlchemy itself runs on an engine treated alike, from now on."""
    event.listen(engine, "before_cursor_execute", _before)
    event.listen(engine, "after_cursor_execute", _after)
    event.listen(engine, "handle_error", _failed)


def _before(connection: Connection, _cursor: object, sql: str, *_: object) -> None:
    tracer = within()
    if tracer is not None:
        connection.info[_OPEN] = _begin(tracer, sql)


def _after(connection: Connection, *_: object) -> None:
    made: Span | None = connection.info.pop(_OPEN, None)
    if made is not None:
        made.end()


def _failed(context: ExceptionContext) -> None:
    made: Span | None = context.connection.info.pop(_OPEN, None) if context.connection else None
    if made is not None:
        outcome(made, context.original_exception)
        made.end()


def _begin(tracer: Tracer, sql: str) -> Span:
    name = summary(sql)
    told = {"db.system.name": "postgresql", "db.query.summary": name, "db.query.text": sql.strip()[:_LONGEST]}
    return begin(tracer, name, SpanKind.CLIENT, told)


@lru_cache(maxsize=1000)
def summary(sql: str) -> str:
    """Return in two words what a statement does: `INSERT outbox`, `SELECT products`, `COMMIT`."""
    aside = {"unnest", *_ASIDE.findall(sql)}
    for *deeds, table in _DEED.findall(sql):
        if table not in aside:
            return f"{''.join(deeds) or 'SELECT'} {table}"
    return sql.split(maxsplit=1)[0].upper() if sql.strip() else "nothing"
