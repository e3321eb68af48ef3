"""The trace: who asked, through which door, and the id that follows a request through all it causes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from common.events import Trace

_current: ContextVar[Trace] = ContextVar("trace", default=Trace())  # noqa: B039 - frozen


def current_trace() -> Trace:
    """Return the trace of what is being done now."""
    return _current.get()


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Do something under a trace."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


def identify(auth_type: str, auth_id: str) -> None:
    """Note on the current trace who asks."""
    _current.set(replace(_current.get(), auth_type=auth_type, auth_id=auth_id))
