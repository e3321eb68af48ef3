"""The commands that `make up` and `make roll` stand on."""

import typer

from souk import rolling
from souk.checking import check
from souk.deployment import lay_out
from souk.settings import given
from souk.welcome import of_containers


def secrets() -> None:
    """Make what docker-compose.yml reads, in deploy/compose: secrets, once, and the settings of `.env`.

    Where a service would not start with them, nothing is written.
    """
    told = given()
    check(told)
    made = lay_out(told)
    typer.echo(f"Made {len(made)} secrets in deploy/compose." if made else "All secrets are there.")


def roll(service: str) -> None:
    """Replace a service's containers, one `api` after the other, so that no request is lost; safe to repeat."""
    for line in rolling.roll(service):
        typer.echo(line)


def welcome() -> None:
    """Say where the containers are reached, who takes the money, and who the admin is."""
    typer.echo(of_containers(given()))
