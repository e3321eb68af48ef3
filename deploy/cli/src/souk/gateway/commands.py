"""`souk gateway`: Envoy's configuration written out, and checked by Envoy itself."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter

from common.settings import BadSetting
from souk.gateway.envoy import Site, Upstream, compose, render
from souk.gateway.table import FOLDER, RouteTable
from souk.machines.envoy import validate

_FORM: Final = '{"orders": ["127.0.0.1:8100/8101", …], …}'
app = typer.Typer(no_args_is_help=True, help="The API gateway, made from deploy/gateway/routes.toml.")


def configurations() -> dict[Path, str]:
    """Return the files that docker-compose.yml and its form for production mount."""
    table = RouteTable.read()
    return {
        FOLDER / "envoy.yaml": render(table, compose()),
        FOLDER / "envoy.production.yaml": render(table, compose(sandbox=False)),
    }


@app.command()
def envoy(
    local: Annotated[str | None, typer.Option(help=f"Processes here, with their internal ports: {_FORM}")] = None,
    port: Annotated[int, typer.Option(help="Where it listens.")] = 8080,
    trusted_hops: Annotated[
        int | None, typer.Option(min=0, help="Proxies of yours before it: 1 in production, else 0.")
    ] = None,
    otlp: Annotated[str | None, typer.Option(help="host:port of a collector for its spans, OTLP over HTTP.")] = None,
    *,
    production: Annotated[bool, typer.Option("--production", help="Without the sandbox.")] = False,
) -> None:
    """Print Envoy's configuration: that of docker-compose.yml, or one for processes on this machine."""
    site = compose(sandbox=not production)
    hops = site.trusted_hops if trusted_hops is None else trusted_hops
    site = replace(site, port=port, trusted_hops=hops, collector=_collector(otlp))
    typer.echo(render(RouteTable.read(), site if local is None else _local(site, local)), nl=False)


@app.command()
def check() -> None:
    """Have Envoy read what would be written, offline; exits 1 when it refuses."""
    here = {name: [Upstream("127.0.0.1", 8100, 8101)] for name in compose().upstreams}
    other = replace(compose(), trusted_hops=1, collector=Upstream("collector", 4318))
    for site in (compose(), compose(sandbox=False), other, Site(port=8080, upstreams=here, limited=False)):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "envoy.yaml"
            file.write_text(render(RouteTable.read(), site))
            validate(file)


def _local(site: Site, text: str) -> Site:
    try:
        told: Mapping[str, list[str]] = TypeAdapter(dict[str, list[str]]).validate_python(json.loads(text))
        upstreams = {name: [upstream(address) for address in addresses] for name, addresses in told.items()}
    except ValueError as error:
        raise BadSetting(f"--local cannot be used: write {_FORM}") from error
    if missing := site.upstreams.keys() - told.keys() - {"sandbox"}:
        raise BadSetting(f"--local names no process of {', '.join(sorted(missing))}.")
    mounts = {"/sandbox": "sandbox"} if "sandbox" in told else {}
    return replace(site, upstreams=upstreams, mounts=mounts, host="127.0.0.1", internal_port=None, named=False)


def _collector(text: str | None) -> Upstream | None:
    try:
        return None if text is None else upstream(text)
    except ValueError as error:
        raise BadSetting("--otlp cannot be used: write host:port.") from error


def upstream(address: str) -> Upstream:
    """Read `host:port/internal port`; raises ValueError."""
    host, _, ports = address.rpartition(":")
    port, _, internal = ports.partition("/")
    if not host:
        raise ValueError(address)
    return Upstream(host, int(port), int(internal) if internal else None)
