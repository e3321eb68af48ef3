"""The doors of Envoy: the public one, with all that a stranger's request has to pass, and one for our machines."""

from datetime import timedelta
from typing import Final

from souk.gateway.envoy.clusters import BUFFER
from souk.gateway.envoy.filters import filters
from souk.gateway.envoy.replies import local_replies
from souk.gateway.envoy.routes import route_config
from souk.gateway.envoy.site import Site
from souk.gateway.envoy.telemetry import tracing
from souk.gateway.envoy.words import Config, extension, seconds, socket
from souk.gateway.table import RouteTable

_MANAGER: Final = "envoy.filters.network.http_connection_manager"
_MANAGER_TYPE: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER: Final = ("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")
# What a client may not say about itself, and what only we say to each other.
_NOT_TAKEN: Final = ("x-souk-", "x-envoy-", "x-original-", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix")
_NOR: Final = ("forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x-request-id")
_NOBODY: Final = {"address_prefix": "255.255.255.255", "prefix_len": 32}  # else private addresses are trusted
_LOGGED: Final = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ)%",  # what follows the question mark may open a file
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "ms": "%DURATION%",
    "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "upstream": "%UPSTREAM_HOST%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "request_id": "%RESP(X-REQUEST-ID)%",
}


def listeners(table: RouteTable, site: Site) -> list[Config]:
    """Return the public listener, and the internal one where it is asked for."""
    public = _listener("public", site.host, site.port, _public(table, site))
    if site.internal_port is None:
        return [public]
    return [public, _listener("internal", site.host, site.internal_port, _internal())]


def _listener(name: str, host: str, port: int, manager: Config) -> Config:
    return {
        "name": name,
        "address": socket(host, port),
        "per_connection_buffer_limit_bytes": BUFFER,
        "filter_chains": [{"filters": [extension(_MANAGER, _MANAGER_TYPE, **manager)]}],
    }


def _long(duration: timedelta) -> str:
    return seconds(duration.total_seconds())


def _public(table: RouteTable, site: Site) -> Config:
    limits = table.limits
    return {
        "stat_prefix": "public",
        "codec_type": "AUTO",
        "server_header_transformation": "PASS_THROUGH",
        "common_http_protocol_options": {
            "idle_timeout": _long(limits.idle),
            "max_stream_duration": _long(table.longest),
            "max_headers_count": limits.headers,
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": {"max_concurrent_streams": 100},
        "max_request_headers_kb": limits.headers_kb,
        "request_headers_timeout": _long(limits.headers_within),
        "stream_idle_timeout": "40s",
        **_path_rules(),
        **_identity(site),
        **tracing(site),
        "access_log": [_access_log()],
        "local_reply_config": local_replies(),
        "route_config": route_config(table, site),
        "http_filters": filters(table, site),
    }


def _path_rules() -> Config:
    """Return what makes a path mean the same here and at the service."""
    return {
        "normalize_path": True,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
    }


def _identity(site: Site) -> Config:
    """Return what makes the client's address the one that it has, whatever it says."""
    forged = [*_NOR, *(("x-forwarded-for", "x-forwarded-proto") if not site.trusted_hops else ())]
    mutations = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in _NOT_TAKEN]
    mutations += [{"remove_on_match": {"key_matcher": {"exact": name}}} for name in forged]
    return {
        "use_remote_address": True,
        "xff_num_trusted_hops": site.trusted_hops,
        "internal_address_config": {"cidr_ranges": [_NOBODY]},
        "generate_request_id": True,
        "preserve_external_request_id": False,
        "early_header_mutation_extensions": [
            extension(
                "envoy.http.early_header_mutation.header_mutation",
                "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                mutations=mutations,
            )
        ],
    }


def _access_log() -> Config:
    return extension(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": _LOGGED},
    )


def _internal() -> Config:
    """Return the door for health checks and Prometheus: of the admin interface it shows two pages."""
    return {
        "stat_prefix": "internal",
        "route_config": {
            "name": "internal",
            "virtual_hosts": [
                {
                    "name": "internal",
                    "domains": ["*"],
                    "routes": [
                        {"match": {"path": path}, "route": {"cluster": "admin"}}
                        for path in ("/ready", "/stats/prometheus")
                    ],
                }
            ],
        },
        "http_filters": [extension(*_ROUTER)],
    }
