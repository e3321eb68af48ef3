"""A running system of processes with a customer at its counter, for measurements of the whole."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from bench.load import Load, send
from bench.orders import an_order
from souk.client import Client
from souk.environment import ADMIN_EMAIL
from souk.fleet import Fleet, many_processes
from souk.home import Home
from souk.machines.ports import free_port
from souk.seed import CUSTOMER, seed

RATE, COUNT = 5, 50
# Places so many orders, each waiting for so many seconds, and returns p50 and p99 in milliseconds.
Buy = Callable[..., Awaitable[tuple[float, float]]]


@asynccontextmanager
async def processes(home: Home) -> AsyncIterator[Fleet]:
    """Run each service as a process, with a RabbitMQ."""
    running = many_processes(home, {}, free_port())
    fleet = await asyncio.to_thread(running.__enter__)
    try:
        yield fleet
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


def orders_port(fleet: Fleet) -> int:
    """Return the port of orders itself, past the development gateway, which is not Envoy."""
    return fleet.units["orders"].port


async def at_the_counter(home: Home, port: int, orders: int) -> Buy:
    """Furnish the shop, warm it up, and return how a customer buys there."""
    async with httpx2.AsyncClient(timeout=30) as http:
        client = Client(http, f"http://127.0.0.1:{port}")
        await seed(client, (ADMIN_EMAIL, home.secrets()["ADMIN_PASSWORD"]))
        products = (await client.get("/products", params={"limit": "100"}))["items"]
    unlimited = [product["id"] for product in products if product["stock"] is None and product["price"]["amount"]]
    await asyncio.sleep(1)

    async def buy(wait: int, count: int = COUNT) -> tuple[float, float]:
        async with httpx2.AsyncClient(timeout=30) as http:
            buyer = await Client(http, f"http://127.0.0.1:{port}").login(*CUSTOMER[1:])
        token = {"Authorization": f"Bearer {buyer.token}"}
        requests = [an_order([unlimited[n % len(unlimited)]], token, wait) for n in range(count)]
        answers = (await send(Load(orders, requests, 8, RATE, b'"client_secret":"'))).all_are(201)
        assert not wait or answers.having == count, answers.last
        return answers.ms(0.5), answers.ms(0.99)

    await buy(5, 20)
    return buy


def memory_of(pid: int, what: str = "VmRSS") -> float:
    """Return a process's resident megabytes, or with VmHWM the most it ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) / 1024
