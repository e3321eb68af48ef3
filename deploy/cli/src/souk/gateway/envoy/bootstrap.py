"""The whole configuration of an Envoy, and how it is written down."""

from typing import Final

import yaml

from souk.gateway.envoy.clusters import clusters
from souk.gateway.envoy.listeners import listeners
from souk.gateway.envoy.site import Site
from souk.gateway.envoy.telemetry import collectors
from souk.gateway.envoy.words import Config, extension, socket
from souk.gateway.table import RouteTable

_MADE: Final = """\
# Made from routes.toml by `souk contracts write`: change that, or the code in deploy/cli/src/souk/gateway/envoy.
"""
_HERE: Final = "127.0.0.1"


def bootstrap(table: RouteTable, site: Site) -> Config:
    """Return the configuration as data."""
    made = [*clusters(site), *collectors(site)]
    if site.internal_port is not None:
        made.append(_admin_cluster(site))
    return {
        "node": {"id": "gateway", "cluster": "souk"},
        "admin": {"address": socket(_HERE, site.admin_port)},
        "overload_manager": {
            "resource_monitors": [
                extension(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=table.limits.connections,
                )
            ]
        },
        "static_resources": {"listeners": listeners(table, site), "clusters": made},
    }


def render(table: RouteTable, site: Site) -> str:
    """Return the configuration as the file Envoy reads."""
    return _MADE + yaml.dump(bootstrap(table, site), Dumper=_Plain, sort_keys=False, width=120)


class _Plain(yaml.SafeDumper):
    """Writes everything out where it stands."""

    def ignore_aliases(self, data: object) -> bool:
        """Say that nothing is written as a reference to something above."""
        del data
        return True


def _admin_cluster(site: Site) -> Config:
    return {
        "name": "admin",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "admin",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(_HERE, site.admin_port)}}]}],
        },
    }
