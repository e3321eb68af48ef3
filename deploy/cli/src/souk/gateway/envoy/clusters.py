"""The services as Envoy knows them: where their processes are, how it learns which of them are ready."""

from collections.abc import Sequence
from typing import Final

from souk.gateway.envoy.site import Site, Upstream
from souk.gateway.envoy.words import Config, seconds, socket, typed

_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_KEPT_IDLE: Final = 60.0  # the services keep a connection for 75 s: it is never they who close it under a request
_MOST: Final = 4096
BUFFER: Final = 1024 * 1024


def clusters(site: Site) -> list[Config]:
    """Return one cluster per service, and one per thing beside them."""
    return [_cluster(site, name, upstreams) for name, upstreams in site.upstreams.items()]


def _cluster(site: Site, name: str, upstreams: Sequence[Upstream]) -> Config:
    endpoints = [{"endpoint": _endpoint(upstream)} for upstream in upstreams]
    cluster: Config = {
        "name": name,
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "per_connection_buffer_limit_bytes": BUFFER,
        # Where none says that it is ready, all are asked: most of a service works while its broker is away.
        # Whatever is learned of them counts at once, not only with the next second's news.
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}, "update_merge_window": "0s"},
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": _MOST, "max_requests": _MOST, "max_pending_requests": _MOST, "max_retries": 256}
            ]
        },
        "typed_extension_protocol_options": {
            _OPTIONS: typed(
                _OPTIONS,
                common_http_protocol_options={"idle_timeout": seconds(_KEPT_IDLE)},
                explicit_http_config={"http_protocol_options": {}},
            )
        },
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        **_found(site),
    }
    if upstreams and upstreams[0].internal_port is not None:
        cluster["health_checks"] = [_health(site, name)]
    return cluster


def _found(site: Site) -> Config:
    if not site.named:
        return {"type": "STATIC"}
    return {
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "dns_refresh_rate": "2s",
        "ignore_health_on_host_removal": True,
    }


def _endpoint(upstream: Upstream) -> Config:
    endpoint: Config = {"address": socket(upstream.host, upstream.port)}
    if upstream.internal_port is not None:
        endpoint["health_check_config"] = {"port_value": upstream.internal_port}
    return endpoint


def _health(site: Site, name: str) -> Config:
    every = seconds(site.health_every)
    return {
        "timeout": "2s",
        "interval": every,
        "no_traffic_interval": every,
        "unhealthy_threshold": 2,  # of no answer at all; one that says no counts at once
        "healthy_threshold": 1,
        "http_health_check": {"path": f"/{name}/health/ready"},
    }
