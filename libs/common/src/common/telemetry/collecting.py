"""Where spans go: to an OpenTelemetry collector by OTLP over HTTP, in batches, beside the work and never in its way.

Only a process that is told of a collector imports this: the SDK costs 7 MB and some of the start.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from threading import Thread
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from common.telemetry.spans import collect

_ANSWER_WITHIN: Final = 5  # seconds
_LAST_ONES: Final = 5.0  # seconds that a stop waits for spans to leave


def to_collector(endpoint: str, headers: Mapping[str, str]) -> SpanProcessor:
    """Return what sends spans to a collector; those it does not take are dropped."""
    # It would say with every batch that the collector is away.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", headers=dict(headers), timeout=_ANSWER_WITHIN)
    return BatchSpanProcessor(exporter)


def start(service: str, processor: SpanProcessor, share: float = 1) -> Callable[[], Awaitable[None]]:
    """Collect a service's spans of so many traces, 0 to 1, and of all that others began; return what ends it."""
    told = {
        "service.namespace": "souk",
        "service.name": f"souk-{service}",
        "service.version": version("souk-common"),
        "service.instance.id": socket.gethostname(),
    }
    provider = TracerProvider(
        resource=Resource(told), sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False
    )
    provider.add_span_processor(processor)
    collect(service, provider.get_tracer("souk"))

    async def stop() -> None:
        collect(service, None)
        # In a thread of its own that nobody waits for longer: a collector that hangs must not hold up a stop.
        last = Thread(target=provider.shutdown, daemon=True)
        last.start()
        await asyncio.to_thread(last.join, _LAST_ONES)

    return stop
