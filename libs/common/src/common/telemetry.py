"""What a process says about itself: the trace that follows a request through events, JSON logs, and metrics."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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


def _add_trace(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    trace = _current.get()
    if trace.correlation_id:
        line.setdefault("correlation_id", trace.correlation_id)
    return line


def log_as_json(level: str = "INFO", file: Path | None = None) -> None:
    """Write every log line of the process, the libraries' too, as one JSON object on standard error, or to a file."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.FileHandler(file) if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # HTTP clients tell the addresses they ask, and a signed one opens a file for who reads it.
    clients = ("httpx", "httpcore", "httpx2", "httpcore2", "urllib3")
    for noisy in (*clients, "aiormq", "aio_pika", "alembic", "stripe", "imagekitio", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Metrics:
    """One service's metrics in a registry of its own, so that several services can share a process."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self.service = service

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"souk_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"souk_{name}", text, labels, registry=self.registry)

        self.requests = Histogram(
            "souk_http_request_seconds", "HTTP requests by route", ["method", "route", "status"], registry=self.registry
        )
        self.published = counter("events_published_total", "Events confirmed by the broker", "type")
        self.publish_failures = counter("events_publish_failures_total", "Publishes not confirmed", "type", "reason")
        self.handled = counter("events_handled_total", "Events worked by a handler", "type")
        self.failed = counter("events_failed_total", "Handlers that failed", "type", "outcome")
        self.loop_runs = counter("loop_items_total", "Items a loop has worked", "loop")
        self.loop_errors = counter("loop_errors_total", "Loop rounds that failed", "loop")
        self.outbox_unsent = gauge("outbox_unsent", "Rows not yet sent")
        self.outbox_age = gauge("outbox_oldest_seconds", "Age of the oldest unsent row")
        self.inbox_waiting = gauge("inbox_waiting", "Events waiting for another try")
        self.inbox_parked = gauge("inbox_parked", "Events parked for an operator")
        self.consumers = gauge("consumers", "Live consumers", "queue")
