"""Spans: what was done under a trace, for how long and because of what. Nothing is made unless somebody collects them.

They hang on `Trace.traceparent`, which travels with requests, events and the rows that loops work, so that a purchase
is one trace whichever processes have a hand in it. They tell no more than kinds, ids and statement texts: no values.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)

from common.telemetry.trace import current_trace, tracing

__all__ = ["TRACEPARENT", "Span", "SpanKind", "StatusCode"]

TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_IN_BODY: Final = re.compile(rb'"traceparent":"([0-9a-f-]{55})"')
_NOTHING: Final[AbstractContextManager[Span]] = nullcontext(INVALID_SPAN)
_NOBODY: Final[Context] = Context()

_tracers: Final[dict[str, Tracer]] = {}
_within: ContextVar[Tracer | None] = ContextVar("tracer", default=None)

Values = Mapping[str, str | int]


def collect(service: str, tracer: Tracer | None) -> None:
    """Have a service's spans collected from now on, or with None no more."""
    if tracer is None:
        _tracers.pop(service, None)
    else:
        _tracers[service] = tracer


def collected(service: str) -> bool:
    """Say whether anybody collects a service's spans."""
    return service in _tracers


def within() -> Tracer | None:
    """Return who collects what is done inside the current span; None outside of one, and where it is not sampled."""
    return _within.get()


def span(
    service: str,
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    values: Values | None = None,
    links: Sequence[Link] = (),
) -> AbstractContextManager[Span]:
    """Do something under a span, which what it tells and asks then hangs on."""
    tracer = _tracers.get(service)
    return _NOTHING if tracer is None else _spanning(tracer, name, kind, values, links)


@contextmanager
def _spanning(
    tracer: Tracer, name: str, kind: SpanKind, values: Values | None, links: Sequence[Link]
) -> Iterator[Span]:
    trace, made = current_trace(), begin(tracer, name, kind, values, links)
    if trace.correlation_id:
        made.set_attribute("souk.correlation_id", trace.correlation_id)
    token = _within.set(tracer if made.is_recording() else None)
    try:
        with tracing(replace(trace, traceparent=_traceparent(made.get_span_context()))):
            yield made
    except BaseException as error:
        outcome(made, error)
        raise
    finally:
        _within.reset(token)
        made.end()


def begin(tracer: Tracer, name: str, kind: SpanKind, values: Values | None = None, links: Sequence[Link] = ()) -> Span:
    """Begin a span under what is being done now; whoever begins it ends it."""
    return tracer.start_span(name, _parent(current_trace().traceparent), kind, values, links)


def outcome(made: Span, error: BaseException) -> None:
    """Note what went wrong by its type alone: the words of an error may quote anything."""
    made.set_status(StatusCode.ERROR)
    made.set_attribute("error.type", type(error).__qualname__)


def root(service: str, name: str) -> str | None:
    """Return the traceparent of a new trace that begins with this, or None when nobody collects."""
    tracer = _tracers.get(service)
    if tracer is None:
        return None
    made = tracer.start_span(name, _NOBODY)
    made.end()
    return _traceparent(made.get_span_context())


def link(traceparents: Iterable[str | None]) -> list[Link]:
    """Return what ties a span to other traces."""
    return [Link(found) for found in map(_context_of, traceparents) if found]


def published(service: str, began: int, messages: Iterable[tuple[str, bytes, str | None]]) -> None:
    """Note messages that went out since `began` (nanoseconds), each under its own trace: type, body, why it failed."""
    tracer = _tracers.get(service)
    if tracer is None:
        return
    for type_, body, failure in messages:
        if found := _IN_BODY.search(body):
            made = tracer.start_span(
                f"publish {type_}", _parent(found[1].decode()), SpanKind.PRODUCER, start_time=began
            )
            if failure:
                made.set_status(StatusCode.ERROR)
                made.set_attribute("error.type", failure)
            made.end()


def _traceparent(made: SpanContext) -> str:
    return f"00-{format_trace_id(made.trace_id)}-{format_span_id(made.span_id)}-{made.trace_flags:02x}"


def _parent(traceparent: str | None) -> Context:
    found = _context_of(traceparent)
    return set_span_in_context(NonRecordingSpan(found), _NOBODY) if found else _NOBODY


def _context_of(traceparent: str | None) -> SpanContext | None:
    match = TRACEPARENT.fullmatch(traceparent or "")
    if match is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    found = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return found if found.is_valid else None
