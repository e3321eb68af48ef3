"""`souk run`: the system comes up, the shop is seeded, the addresses are printed, Ctrl-C stops it cleanly."""

import asyncio
from collections.abc import Mapping

import httpx2
from rich.console import Console

from common.serve import stop_signal
from common.settings import BadSetting
from common.telemetry import log_as_json
from souk.client import Client
from souk.environment import Addresses, admin_of, environment
from souk.fleet import many_processes
from souk.home import Home
from souk.onebox import one_process
from souk.seed import CUSTOMER, SELLER, seed
from souk.welcome import money

console = Console(highlight=False)


async def run(home: Home, given: Mapping[str, str], port: int) -> None:
    """Run the one-process system until it is told to stop. Raises BadSetting."""
    _refuse_production(given)
    stop = stop_signal()
    log_as_json(given.get("LOG_LEVEL") or "WARNING")
    async with one_process(home, given, port, _say) as where:
        _welcome(home, given, where)
        await stop.wait()
        _say("stopping")


async def run_processes(home: Home, given: Mapping[str, str], port: int) -> None:
    """Run the services as processes over RabbitMQ until told to stop. Raises BadSetting."""
    _refuse_production(given)
    stop = stop_signal()
    _say("starting PostgreSQL, RabbitMQ and a process per service")
    fleet = many_processes(home, given, port)
    running = await asyncio.to_thread(fleet.__enter__)
    try:
        await _furnish(home, given, running.where)
        _welcome(home, given, running.where)
        _say(f"logs of the processes: {home.logs}")
        _say(f"RabbitMQ, for listeners of your own: AMQP_URL={running.where.amqp_url}")
        await stop.wait()
        _say("stopping")
    finally:
        await asyncio.to_thread(fleet.__exit__, None, None, None)


def _refuse_production(given: Mapping[str, str]) -> None:
    if given.get("SOUK_ENV") == "production":
        raise BadSetting(
            "SOUK_ENV must not be production here: this brings stand-ins for the providers and prints the admin's "
            "password. docs/deploy.md leads to production."
        )


def _welcome(home: Home, given: Mapping[str, str], where: Addresses) -> None:
    email, password = admin_of(home, given)
    console.print(
        f"""
[bold]Souk is open.[/]

  API            {where.public}/api/v1/products
  documentation  {where.public}/api/docs
  mailbox        {where.sandbox}/mail
  sandbox        {where.sandbox}
  health         {where.public}/api/v1/health
  money          {money(environment("payments", given, home, where))}

  admin     {email}  {password}
  seller    {SELLER[1]}  {SELLER[2]}
  customer  {CUSTOMER[1]}  {CUSTOMER[2]}

Ctrl-C stops it; everything is remembered until `make reset`.""",
        soft_wrap=True,
    )


async def _furnish(home: Home, given: Mapping[str, str], where: Addresses) -> None:
    async with httpx2.AsyncClient(timeout=30) as http:
        await seed(Client(http, where.public), admin_of(home, given))


def _say(what: str) -> None:
    console.print(f"[dim]· {what}[/]")
