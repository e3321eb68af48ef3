"""Where an Envoy runs: what it listens on, and which processes are behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from souk.gateway.table import RouteTable

_PORT, _INTERNAL_PORT, _SANDBOX_PORT = 8000, 8001, 9000


@dataclass(frozen=True, slots=True)
class Upstream:
    """A process that answers, or a name of several; without an internal port nobody asks for its health."""

    host: str
    port: int
    internal_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One place for an Envoy.

    `admin_port` is for the machine itself, `internal_port` shows readiness and figures to whoever reaches it, if it is
    given. `mounts` are prefixes, by path, of what stands beside the services. `trusted_hops` is how many proxies of
    ours stand before it, each of which adds to X-Forwarded-For. Names are looked up again and again where `named`.
    A `collector` takes spans (OTLP over HTTP).
    """

    port: int
    upstreams: Mapping[str, Sequence[Upstream]]
    host: str = "127.0.0.1"
    admin_port: int = 9901
    internal_port: int | None = None
    mounts: Mapping[str, str] = field(default_factory=dict)
    trusted_hops: int = 0
    named: bool = False
    limited: bool = True
    health_every: float = 1.0
    collector: Upstream | None = None


# Every interface, because it is the container that says which of its ports are published.
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - as just said


def compose(*, sandbox: bool = True) -> Site:
    """Return the gateway of docker-compose.yml: `orders-api` is as many containers as it was scaled to.

    Without the sandbox it is production's, where exactly one proxy stands before it: the one that ends TLS.
    """
    upstreams = {name: [Upstream(f"{name}-api", _PORT, _INTERNAL_PORT)] for name in services(RouteTable.read())}
    return Site(
        port=8080,
        upstreams=upstreams | ({"sandbox": [Upstream("sandbox", _SANDBOX_PORT)]} if sandbox else {}),
        host=_EVERYWHERE,
        internal_port=9902,
        mounts={"/sandbox": "sandbox"} if sandbox else {},
        trusted_hops=0 if sandbox else 1,
        named=True,
    )


def services(table: RouteTable) -> Iterable[str]:
    """Return the services of a table, each once."""
    return dict.fromkeys(route.service for route in table.routes)
