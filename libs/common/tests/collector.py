"""Somebody who collects spans, for the tests: in memory, or over HTTP as a real collector does."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route


class Seen:
    """A span as the tests look at it."""

    def __init__(self, span):
        self.name, self.kind, self.links = span.name, span.kind.name, span.links
        self.trace_id, self.id = format_trace_id(span.context.trace_id), format_span_id(span.context.span_id)
        self.traceparent = f"00-{self.trace_id}-{self.id}-{span.context.trace_flags:02x}"
        self.parent = format_span_id(span.parent.span_id) if span.parent else None
        self.values = dict(span.attributes)
        self.failed = span.status.status_code.name == "ERROR"
        self.events = span.events


class Album(InMemorySpanExporter):
    """What was collected so far."""

    @property
    def spans(self):
        return [Seen(span) for span in self.get_finished_spans()]

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def only(self, name):
        found = self.named(name)
        assert len(found) == 1, [span.name for span in self.spans]
        return found[0]


class Collector:
    """Takes OTLP over HTTP at `app`; `bodies` and `headers` are what came."""

    def __init__(self):
        self.requests, self.headers = [], []
        self.app = Starlette(routes=[Route("/v1/traces", self.take, methods=["POST"])])

    async def take(self, request):
        self.requests.append(ExportTraceServiceRequest.FromString(await request.body()))
        self.headers.append(dict(request.headers))
        return Response()
