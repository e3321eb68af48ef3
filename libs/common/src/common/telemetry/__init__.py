"""What a process says about itself: the trace that follows a request through events, JSON logs, metrics, and spans."""

from common.telemetry.logs import log_as_json
from common.telemetry.metrics import Metrics
from common.telemetry.spans import SpanKind, span
from common.telemetry.trace import current_trace, identify, tracing

__all__ = ["Metrics", "SpanKind", "current_trace", "identify", "log_as_json", "span", "tracing"]
