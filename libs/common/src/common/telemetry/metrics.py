"""Metrics: one service's counters, gauges and histograms, of few labels with few values."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_REQUESTS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 25)
_QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_LATE: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800, 21600)


class Metrics:
    """One service's metrics in a registry of its own, so that several services can share a process."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self.service = service

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"souk_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"souk_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(f"souk_{name}", text, labels, buckets=buckets, registry=self.registry)

        self.requests = histogram("http_request_seconds", "HTTP requests", _REQUESTS, "method", "route", "status")
        self.refused = counter("http_refused_total", "Answers to what no application saw", "status")
        self.published = counter("events_published_total", "Events confirmed by the broker", "type")
        self.publish_failures = counter("events_publish_failures_total", "Publishes not confirmed", "type", "reason")
        self.handled = counter("events_handled_total", "Events worked by a handler", "type")
        self.failed = counter("events_failed_total", "Handlers that failed", "type", "outcome")
        self.handling = histogram("event_seconds", "Handlers, of one event or a set at once", _QUICK, "type")
        self.lag = histogram("event_lag_seconds", "Age of a batch's oldest event when it was taken", _LATE)
        self.loop_runs = counter("loop_items_total", "Items a loop has worked", "loop")
        self.loop_errors = counter("loop_errors_total", "Loop rounds that failed", "loop")
        self.outbox_unsent = gauge("outbox_unsent", "Rows not yet sent")
        self.outbox_age = gauge("outbox_oldest_seconds", "Age of the oldest unsent row")
        self.inbox_waiting = gauge("inbox_waiting", "Events waiting for another try")
        self.inbox_parked = gauge("inbox_parked", "Events parked for an operator")
        self.vitals = Vitals(self.registry)


class Vitals:
    """How a process is by itself: asked anew whenever somebody looks, and set nowhere else."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"souk_{name}", text, labels, registry=registry)

        self.ready = gauge("ready", "1 while the service is ready")
        self.dead_workers = gauge("dead_workers", "Workers of this process that ended by themselves")
        self.relay_leading = gauge("relay_leading", "1 while this process publishes the service's outbox")
        self.consumers = gauge("consumers", "1 while this process is consuming a queue", "queue")
        self.queue_ready = gauge("queue_ready", "Messages a queue holds for whoever is free", "queue")
        self.pool_size = gauge("database_pool_size", "Connections this process may have to its database")
        self.pool_used = gauge("database_pool_used", "Connections in use")
        ProcessCollector(registry=registry)
