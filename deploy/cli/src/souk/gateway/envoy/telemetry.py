"""Envoy's own span of each request, sent to a collector that speaks OTLP over HTTP, where one is named."""

from typing import Final

from souk.gateway.envoy.site import Site, Upstream
from souk.gateway.envoy.words import Config, extension, socket

_CLUSTER: Final = "telemetry"
_ALL: Final = {"value": 100}


def tracing(site: Site) -> Config:
    """Return what the public door notes of each request; without a collector a client's trace only passes through."""
    if site.collector is None:
        return {}
    service = {"http_uri": {"uri": f"{_address(site.collector)}/v1/traces", "cluster": _CLUSTER, "timeout": "1s"}}
    provider = extension(
        "envoy.tracers.opentelemetry",
        "envoy.config.trace.v3.OpenTelemetryConfig",
        http_service=service,
        service_name="gateway",
    )
    return {"tracing": {"provider": provider, "random_sampling": _ALL, "spawn_upstream_span": False}}


def collectors(site: Site) -> list[Config]:
    """Return where the collector is."""
    if site.collector is None:
        return []
    where = {"endpoint": {"address": socket(site.collector.host, site.collector.port)}}
    return [
        {
            "name": _CLUSTER,
            "type": "STRICT_DNS",
            "dns_lookup_family": "V4_PREFERRED",
            "connect_timeout": "1s",
            "load_assignment": {"cluster_name": _CLUSTER, "endpoints": [{"lb_endpoints": [where]}]},
        }
    ]


def _address(upstream: Upstream) -> str:
    return f"http://{upstream.host}:{upstream.port}"
