"""Every process of every service is replaced under load, one at a time, behind the real Envoy: no request fails."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from common.db import fetch, open_database
from souk.client import Client, Json
from souk.demo.shopper import Shopper
from souk.doctor import examine
from souk.environment import admin_of
from souk.fleet import Fleet, Unit
from souk.home import SERVICES, Home
from souk.machines.ports import free_port
from souk.seed import CUSTOMER, seed

TEMPO = {"SOUK_PACE": "10", "LOG_LEVEL": "WARNING", "ARGON2_PROFILE": "light"}
BUYERS, BROWSERS, PAUSE = 4, 3, 0.15
NO_OTHER_END = {"fulfilled"}


class Counting(httpx2.AsyncHTTPTransport):
    """What every request came to, as the gateway's clients see it."""

    def __init__(self) -> None:
        super().__init__(limits=httpx2.Limits(max_connections=100))
        self.answers: Counter[int] = Counter()
        self.failed: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            answer = await super().handle_async_request(request)
        except httpx2.TransportError as error:
            self.failed.append(f"{request.method} {request.url.path}: {error!r}")
            raise
        self.answers[answer.status_code] += 1
        if answer.status_code >= 500:
            self.failed.append(f"{request.method} {request.url.path}: {answer.status_code} {await answer.aread()!r}")
        return answer


class Load:
    """Customers who buy, look around and follow their orders until the doors close."""

    def __init__(self, fleet: Fleet, counting: Counting, http: httpx2.AsyncClient) -> None:
        self.fleet, self.counting, self.http = fleet, counting, http
        self.open, self.ends, self.reconnected = True, Counter[str](), 0

    async def run(self) -> None:
        """Go on until the doors are closed."""
        guest = Client(self.http, self.fleet.where.public)
        customer = await guest.login(*CUSTOMER[1:])
        products = (await guest.get("/products", params={"limit": "100"}))["items"]
        wanted = next(product for product in products if product["name"] == "Dunes at dawn")
        async with asyncio.TaskGroup() as group:
            for _ in range(BUYERS):
                group.create_task(self.buy(customer, wanted))
            for _ in range(BROWSERS):
                group.create_task(self.browse(guest, wanted))

    async def buy(self, customer: Client, product: Json) -> None:
        """Buy one thing after the other, and follow each until it is delivered."""
        shopper = Shopper(customer, self.http, self.fleet.where.sandbox)
        while self.open:
            order = await shopper.order((product, 1))
            following = asyncio.create_task(self.follow(customer, order))
            if not order["payment"]:
                order = await shopper.until_so(order, lambda seen: bool(seen["payment"]), "payable")
            await shopper.tills.card(order)
            self.ends[await asyncio.wait_for(following, 60)] += 1
            await asyncio.sleep(PAUSE)

    async def follow(self, customer: Client, order: Json) -> str:
        """Follow an order over as many streams as it takes; return how it ended."""
        url = f"{self.fleet.where.public}/api/v1/orders/{order['id']}/events"
        headers, status = {"Authorization": f"Bearer {customer.token}"}, ""
        while status not in NO_OTHER_END:
            async with self.http.stream("GET", url, headers=headers) as answer:
                async for line in answer.aiter_lines():
                    name, _, value = line.partition(": ")
                    if name == "id":
                        headers["Last-Event-ID"] = value
                    elif name == "data":
                        status = orjson.loads(value)["status"]
            self.reconnected += status not in NO_OTHER_END
        return status

    async def browse(self, guest: Client, product: Json) -> None:
        """Look around, and come back in."""
        while self.open:
            await guest.get("/products", params={"limit": "10"})
            await guest.get(f"/products/{product['id']}")
            customer = await guest.login(*CUSTOMER[1:])
            await customer.get("/users/me")
            await customer.get("/orders", params={"limit": "5"})
            await customer.get("/payments", params={"limit": "5"})
            await customer.get("/notifications", params={"limit": "5"})
            await asyncio.sleep(PAUSE)


@asynccontextmanager
async def running(home: Home) -> AsyncIterator[Fleet]:
    units = [Unit(f"{service}-{name}", service, name.rstrip("2")) for service in SERVICES for name in ROLES]
    fleet = Fleet(home, TEMPO, port=free_port(), units=units, durable=False)
    fleet.envoy = True
    try:
        await asyncio.to_thread(fleet.start)
        yield fleet
    finally:
        await asyncio.to_thread(fleet.stop)


ROLES = ("api", "api2", "worker")


@pytest.mark.slow
async def test_every_service_is_replaced_under_load_and_no_request_fails(tmp_path: Path) -> None:
    home, counting = Home(tmp_path / "home").open(), Counting()
    async with running(home) as fleet, httpx2.AsyncClient(transport=counting, timeout=30) as http:
        await seed(Client(http, fleet.where.public), admin_of(home, TEMPO))
        counting.answers.clear()
        load = Load(fleet, counting, http)
        loading = asyncio.create_task(load.run())
        await asyncio.sleep(2)
        at_once = asyncio.Semaphore(2)
        await asyncio.gather(*(replace(fleet, service, at_once) for service in SERVICES))
        assert not loading.done(), loading.exception()
        await asyncio.sleep(2)
        load.open = False
        await loading
        assert counting.failed == []
        assert counting.answers.keys() <= {200, 201, 204}, counting.answers
        assert load.ends.total() >= 20
        assert load.ends.keys() == NO_OTHER_END
        assert load.reconnected, "no stream was broken off, so nothing was tried"
        await balances(fleet)


async def replace(fleet: Fleet, service: str, at_once: asyncio.Semaphore) -> None:
    """Replace a service's processes, one after the other."""
    async with at_once:
        await asyncio.to_thread(fleet.roll, service)


async def balances(fleet: Fleet) -> None:
    databases = {service: fleet.where.database_url(f"souk_{service}") for service in SERVICES}
    report: Any = None
    async with asyncio.timeout(40):
        while report is None or not report.healthy or report.in_flight:
            await asyncio.sleep(0.5)
            report = await examine(databases, truth_url=f"{fleet.where.sandbox}/truth", grace=timedelta(0))
    for service, url in databases.items():
        database = open_database(url, service)
        (row,) = await fetch(database, "SELECT count(*) FROM inbox WHERE status = 'parked'")
        await database.close()
        assert row["count"] == 0, service
