"""`souk databases` and `souk topology`: what the services need on the operator's PostgreSQL and RabbitMQ."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import asyncpg
import typer

from common.broker import apply_topology
from common.settings import BadSetting
from souk.broker_users import apply_users
from souk.home import SERVICES
from souk.machines.errors import MachineError
from souk.machines.rabbit_api import Management
from souk.roles import apply_roles
from souk.settings import given
from souk.topology import hearers

databases_app = typer.Typer(no_args_is_help=True, help="PostgreSQL's databases and roles.")
topology_app = typer.Typer(no_args_is_help=True, help="RabbitMQ's exchanges, queues, bindings and users.")
_MANAGEMENT_PORT: Final = 15672


@databases_app.command("apply")
def databases_apply() -> None:
    """Make a database and a role per service, and a role that may read all; safe to repeat.

    ADMIN_DATABASE_URL says as whom, DATABASE_URL_<SERVICE> and OPERATOR_DATABASE_URL what.
    """
    environ = given()
    admin = _needed(environ, "ADMIN_DATABASE_URL")
    owners = {service: _needed(environ, f"DATABASE_URL_{service.upper()}") for service in SERVICES}
    try:
        lines = asyncio.run(apply_roles(admin, owners, environ.get("OPERATOR_DATABASE_URL", "")))
    except (asyncpg.PostgresError, OSError) as error:
        raise MachineError(f"PostgreSQL: {error}") from error
    for line in lines:
        typer.echo(line)


@topology_app.command("apply")
def topology_apply() -> None:
    """Declare exchanges, queues and bindings at AMQP_URL; safe to repeat."""
    for line in asyncio.run(apply_topology(_needed(given(), "AMQP_URL"), hearers())):
        typer.echo(line)


@topology_app.command("users")
def topology_users() -> None:
    """Make a user per service, who may tell only its own events and read only its own queues; safe to repeat.

    AMQP_URL says as whom, AMQP_URL_<SERVICE> what. The management API is at AMQP_MANAGEMENT_URL, else on port 15672.
    """
    environ = given()
    users = {service: _needed(environ, f"AMQP_URL_{service.upper()}") for service in SERVICES}
    for line in apply_users(_management(environ), users):
        typer.echo(line)


@topology_app.command("show")
def topology_show() -> None:
    """Show who listens to what."""
    for hearer in hearers():
        typer.echo(f"{hearer.service}: {', '.join(sorted(hearer.types))}")


def _management(environ: Mapping[str, str]) -> Management:
    url = urlsplit(_needed(environ, "AMQP_URL"))
    address = environ.get("AMQP_MANAGEMENT_URL") or f"http://{url.hostname}:{_MANAGEMENT_PORT}"
    return Management(address.rstrip("/"), unquote(url.username or "guest"), unquote(url.password or "guest"))


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise BadSetting(f"{name} is missing.")
    return value
