"""The filters a request passes, in their order: rates, tokens, the body's size, and on to the service."""

from typing import Final

from common.auth import AUDIENCE, ISSUER
from souk.gateway.envoy.site import Site
from souk.gateway.envoy.words import Config, extension, typed
from souk.gateway.table import Rate, Route, RouteTable

_RATES: Final = "envoy.filters.http.local_ratelimit"
_TOKENS: Final = "envoy.filters.http.jwt_authn"
_BUFFER: Final = "envoy.filters.http.buffer"
_EXTENSIONS: Final = "envoy.extensions.filters.http"
_ALWAYS: Final = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_ADDRESS: Final = "masked_remote_address"
_LABEL: Final = "souk"
_GROUP: Final = "group"
_LARGEST: Final = 1024 * 1024
_KEYS_KEPT: Final = "30s"  # auth shows a new key for two minutes before it signs


def filters(table: RouteTable, site: Site) -> list[Config]:
    """Return all filters; what they do depends on the route."""
    rates = _rates(table) if site.limited else {"stat_prefix": "rates"}
    return [
        extension(_RATES, f"{_EXTENSIONS}.local_ratelimit.v3.LocalRateLimit", **rates),
        extension(_TOKENS, f"{_EXTENSIONS}.jwt_authn.v3.JwtAuthentication", **_tokens(site)),
        extension(_BUFFER, f"{_EXTENSIONS}.buffer.v3.Buffer", max_request_bytes=_LARGEST),
        extension("envoy.filters.http.router", f"{_EXTENSIONS}.router.v3.Router", suppress_envoy_headers=True),
    ]


def of_route(route: Route) -> Config:
    """Return what the filters do on a route: `typed_per_filter_config`."""
    buffer = {"disabled": True} if route.body is None else {"buffer": {"max_request_bytes": route.body}}
    tokens = {"disabled": True} if route.auth == "none" else {"requirement_name": route.auth}
    return {
        _BUFFER: typed(f"{_EXTENSIONS}.buffer.v3.BufferPerRoute", **buffer),
        _TOKENS: typed(f"{_EXTENSIONS}.jwt_authn.v3.PerRouteConfig", **tokens),
    }


def beside() -> Config:
    """Return what the filters do before what is no service of ours: nothing."""
    return {
        _BUFFER: typed(f"{_EXTENSIONS}.buffer.v3.BufferPerRoute", disabled=True),
        _TOKENS: typed(f"{_EXTENSIONS}.jwt_authn.v3.PerRouteConfig", disabled=True),
    }


def label(group: str) -> Config:
    """Return what tells the filters of a route's group: the route's `metadata`."""
    return {"filter_metadata": {_LABEL: {_GROUP: group}}}


def _rates(table: RouteTable) -> Config:
    """Count each group's requests by the client's address, of IPv6 by the network that a customer has."""
    group = {
        "source": "ROUTE_ENTRY",
        "descriptor_key": _GROUP,
        "metadata_key": {"key": _LABEL, "path": [{"key": _GROUP}]},
    }
    address = {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}
    return {
        "stat_prefix": "rates",
        # What belongs to no group is not counted; the message wants a bucket all the same.
        "token_bucket": _bucket(Rate(rate=1_000_000, burst=0)),
        "filter_enabled": _ALWAYS,
        "filter_enforced": _ALWAYS,
        "rate_limits": [{"actions": [{"metadata": group}, {_ADDRESS: address}]}],
        "descriptors": [
            {"entries": [{"key": _GROUP, "value": name}, {"key": _ADDRESS}], "token_bucket": _bucket(rate)}
            for name, rate in table.rates.items()
        ],
        "max_dynamic_descriptors": 10_000,
    }


def _bucket(rate: Rate) -> Config:
    return {"max_tokens": rate.rate + rate.burst, "tokens_per_fill": rate.rate, "fill_interval": "1s"}


def _tokens(site: Site) -> Config:
    auth = site.upstreams["auth"][0]
    return {
        "providers": {
            "souk": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "require_expiration": True,
                "forward": True,
                "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
                "jwt_cache_config": {"jwt_cache_size": 1000},
                "remote_jwks": {
                    "http_uri": {
                        "uri": f"http://{auth.host}:{auth.port}/api/v1/auth/jwks",
                        "cluster": "auth",
                        "timeout": "2s",
                    },
                    "cache_duration": _KEYS_KEPT,
                    "async_fetch": {"failed_refetch_duration": "1s"},
                },
            }
        },
        "requirement_map": {
            "required": {"provider_name": "souk"},
            "optional": {"requires_any": {"requirements": [{"provider_name": "souk"}, {"allow_missing": {}}]}},
        },
        "bypass_cors_preflight": True,
        "strip_failure_response": True,
    }
