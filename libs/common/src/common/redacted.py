"""What an error of the database does not say: PostgreSQL's DETAIL quotes rows, and errors are logged and kept."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

_DETAIL = "\nDETAIL:"


@contextmanager
def redacted() -> Iterator[None]:
    """Let every error that leaves the block keep its words and constraint, and lose the values of the row."""
    try:
        yield
    except Exception as error:
        redact(error)
        raise


def redact(error: BaseException) -> None:
    """Take the DETAIL out of an error, and of all it came from; `str`, `repr` and a traceback know it no more."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, asyncpg.PostgresError):
            one.detail = None
        if isinstance(one, DBAPIError):
            waiting.append(one.orig)
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        # Whoever raised it may have made one text of it already.
        if any(isinstance(arg, str) and _DETAIL in arg for arg in one.args):
            one.args = tuple(arg.partition(_DETAIL)[0] if isinstance(arg, str) else arg for arg in one.args)
