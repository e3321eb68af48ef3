"""Running the demo: against a system of its own, or one that is already there."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import httpx2

from common.telemetry import log_as_json
from souk.client import ApiError, Client
from souk.demo import late, story
from souk.demo.closing import close
from souk.demo.shop import Shop
from souk.demo.shopper import Shopper
from souk.demo.stage import Witness, console, step
from souk.demo.tills import DemoFailed
from souk.doctor import doctor
from souk.environment import Addresses, admin_of, of_no_system
from souk.fleet import many_processes
from souk.home import SERVICES, Home
from souk.machines.ports import free_port
from souk.machines.postgres import PostgresServer
from souk.onebox import one_process
from souk.seed import CUSTOMER, seed

# An unpaid order ends while the audience waits, and the poller looks after three seconds instead of thirty.
_TEMPO = {"ORDER_EXPIRES_AFTER": "20s", "SOUK_PACE": "10"}


async def demo_of_own(home: Home, given: Mapping[str, str], wire: str) -> int:
    """Start a system of the demo's own, play, and return the exit code."""
    PostgresServer(home.postgres).erase()
    home.erase()
    home.open()
    environ = {**_TEMPO, "LOG_LEVEL": "ERROR", "INTERNAL_PORT": str(free_port()), **of_no_system(given)}
    port = free_port()
    console.print(f"[dim]what the services log: {home.logs}[/]", soft_wrap=True)
    if wire == "inprocess":
        home.logs.mkdir()
        log_as_json("ERROR", home.logs / "souk.log")
        console.print("[dim]one process, embedded PostgreSQL, in-process wire[/]")
        async with one_process(home, environ, port, lambda text: console.print(f"[dim]· {text}[/]")) as where:
            return await _play_and_examine(home, environ, where)
    console.print("[dim]a process per service, private PostgreSQL and RabbitMQ[/]")
    manager = many_processes(home, environ, port)
    fleet = await asyncio.to_thread(manager.__enter__)
    try:
        queues = await asyncio.to_thread(fleet.rabbitmq.management.call, "GET", "queues")
        names = ", ".join(f"{queue['name']} ({queue['type']})" for queue in queues)
        console.print(f"[dim]queues: {names}[/]", soft_wrap=True)
        return await _play_and_examine(home, environ, fleet.where)
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)


async def _play_and_examine(home: Home, given: Mapping[str, str], where: Addresses) -> int:
    databases = {service: where.database_url(f"souk_{service}") for service in SERVICES}
    code = await demo(where.public, where.sandbox, admin_of(home, given), databases)
    step("souk doctor")
    return await doctor(databases, truth_url=f"{where.sandbox}/truth", grace=timedelta(0)) or code


async def demo(base_url: str, sandbox: str, admin: tuple[str, str], databases: Mapping[str, str]) -> int:
    """Play against a running system and return the exit code; `databases` may be empty, then no events are shown."""
    async with httpx2.AsyncClient(timeout=30) as http:
        guest = Client(http, base_url)
        await seed(guest, admin)
        shop = await open_shop(http, base_url, sandbox, admin)
        witness = Witness(databases, f"{sandbox}/mail/messages", http)
        watching = asyncio.create_task(witness.watch())
        try:
            off = await _play(shop)
        except (DemoFailed, ApiError) as error:
            off = [str(error)]
        finally:
            await asyncio.sleep(1)
            watching.cancel()
    console.print(f"\n{witness.events} events, {witness.mails} mails seen")
    for sentence in off:
        console.print(f"[red]off:[/] {sentence}")
    if not off:
        console.print("[green]orders, payments and stock balance[/]")
    return 1 if off else 0


async def open_shop(http: httpx2.AsyncClient, base_url: str, sandbox: str, admin: tuple[str, str]) -> Shop:
    """Return what the scenes play with, its customer and its admin signed in."""
    guest = Client(http, base_url)
    customer = await guest.login(*CUSTOMER[1:])
    products = (await guest.get("/products", params={"limit": "100"}))["items"]
    returning = f"{base_url}/api/v1/payments/return"
    staff = await guest.login(*admin)
    return Shop(Shopper(customer, http, sandbox), staff, guest, http, sandbox, returning, products)


async def _play(shop: Shop) -> list[str]:
    before = {product["id"]: product["stock"] for product in shop.products}
    for scene in story.PAID:
        await scene(shop)
    unpaid = await late.left_unpaid(shop)
    for scene in story.MEANWHILE:
        await scene(shop)
    await late.endings(shop, unpaid)
    return await close(shop, before)
