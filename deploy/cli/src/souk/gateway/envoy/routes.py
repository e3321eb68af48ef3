"""The route table as Envoy has it: matches, time limits, and what is tried again with another process."""

import re
from typing import Final

from common.draining import DRAINING, NOT_HEALTHY
from souk.gateway.envoy.filters import beside, label, of_route
from souk.gateway.envoy.site import Site
from souk.gateway.envoy.words import Config, extension, seconds
from souk.gateway.table import ANY, Route, RouteTable

_SILENT: Final = 60.0  # a stream says something every 15 s
_NO_LIMIT: Final = "0s"
_UNBOUNDED: Final[Config] = {
    "timeout": _NO_LIMIT,
    "idle_timeout": seconds(_SILENT),
    "max_stream_duration": {"max_stream_duration": _NO_LIMIT},
}
# Services hear of one address, the one that Envoy has found: of a longer list a client may have written a part.
_CLIENT: Final = {
    "header": {"key": "x-forwarded-for", "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}
_RETRY: Final[Config] = {
    # Nothing of these has reached a service, or it says itself that it did nothing: trying again does nothing twice.
    "retry_on": "connect-failure,refused-stream,retriable-headers",
    "retriable_headers": [{"name": DRAINING, "present_match": True}],
    "num_retries": 5,
    "retry_host_predicate": [
        extension(
            "envoy.retry_host_predicates.previous_hosts",
            "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
        )
    ],
    "host_selection_retry_max_attempts": 5,
    "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
}


def route_config(table: RouteTable, site: Site) -> Config:
    """Return every route, for every host: the services know which hosts they answer for."""
    rows = [_mount(prefix, cluster) for prefix, cluster in site.mounts.items()]
    rows += [_row(route) for route in table.routes]
    return {
        "name": "api",
        "virtual_hosts": [
            {
                "name": "souk",
                "domains": ["*"],
                "retry_policy": _RETRY,
                "request_headers_to_add": [_CLIENT],
                "request_headers_to_remove": ["x-envoy-external-address"],
                "response_headers_to_remove": [DRAINING, NOT_HEALTHY],
                "routes": rows,
            }
        ],
    }


def _row(route: Route) -> Config:
    within = {"timeout": seconds(route.timeout.total_seconds())} if route.bounded else _UNBOUNDED
    return {
        "match": _match(route),
        "route": {"cluster": route.service, **within},
        "metadata": label(route.group),
        "typed_per_filter_config": of_route(route),
    }


def _match(route: Route) -> Config:
    if ANY not in route.segments:
        return {"path_separated_prefix": route.path}
    pattern = "/".join("[^/]+" if part == ANY else re.escape(part) for part in route.segments)
    return {"safe_regex": {"regex": f"{pattern}(/.*)?"}}


def _mount(prefix: str, cluster: str) -> Config:
    return {
        "match": {"path_separated_prefix": prefix},
        "route": {"cluster": cluster, **_UNBOUNDED},
        "typed_per_filter_config": beside(),
    }
