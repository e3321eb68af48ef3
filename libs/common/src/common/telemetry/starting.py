"""Having a service's spans collected, where its settings name a collector."""

import importlib
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import unquote

from sqlalchemy import Engine

from common.settings import ServiceSettings
from common.telemetry.statements import watch


def collecting(settings: ServiceSettings, engine: Engine) -> Sequence[Callable[[], Awaitable[None]]]:
    """Begin, if a collector is named; return what ends it."""
    if settings.collector is None:
        return ()
    watch(engine)
    collectors = importlib.import_module("common.telemetry.collecting")  # the SDK, which nobody else is to pay for
    processor = collectors.to_collector(settings.collector, headers(settings.collector_headers))
    return [collectors.start(settings.service, processor, settings.traced_share)]


def headers(given: str) -> dict[str, str]:
    """Read `name=value,other=value`, values percent-encoded (opentelemetry.io/docs/specs/otel/protocol/exporter)."""
    pairs = (pair.split("=", 1) for pair in given.split(",") if pair.strip())
    return {name.strip().lower(): unquote(value.strip()) for name, value in pairs}
