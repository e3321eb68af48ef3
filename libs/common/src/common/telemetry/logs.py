"""What a process says: one JSON object per line, with the ids that tie it to a request and to its trace."""

import logging
import sys
from pathlib import Path
from typing import Final

import structlog

from common.telemetry.trace import current_trace

_TRACE_ID: Final = slice(3, 35)  # of a W3C traceparent


def _add_trace(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    trace = current_trace()
    if trace.correlation_id:
        line.setdefault("correlation_id", trace.correlation_id)
    if trace.traceparent:
        line.setdefault("trace_id", trace.traceparent[_TRACE_ID])
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
