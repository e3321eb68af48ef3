"""The whole system in one process: the demo is played, the books balance, the operator's commands work."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from common.db import fetch, open_database, plain_dsn
from souk import demo, parked
from souk.client import ApiError, Client
from souk.connect import database_urls
from souk.doctor import examine
from souk.environment import Addresses, admin_of
from souk.home import SERVICES, Home
from souk.machines.ports import free_port
from souk.onebox import one_process
from souk.seed import CUSTOMER, seed

TEMPO = {"ORDER_EXPIRES_AFTER": "15s", "SOUK_PACE": "10", "LOG_LEVEL": "ERROR", "ARGON2_PROFILE": "light"}


@dataclass(frozen=True)
class Open:
    """A running system."""

    home: Home
    where: Addresses
    said: list[str]

    @property
    def databases(self) -> dict[str, str]:
        """Where each service's database is."""
        return {service: self.where.database_url(f"souk_{service}") for service in SERVICES}


@pytest_asyncio.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """A system of these tests' own."""
    home, said = Home(tmp_path_factory.mktemp("home")).open(), []
    given = {**TEMPO, "INTERNAL_PORT": str(free_port())}
    async with one_process(home, given, free_port(), said.append) as where:
        yield Open(home, where, said)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody outside."""
    async with httpx2.AsyncClient(timeout=30) as client:
        yield client


async def test_the_demo_is_played_and_every_book_balances(system: Open, capsys: pytest.CaptureFixture[str]) -> None:
    admin = admin_of(system.home, {})
    code = await demo.demo(system.where.public, system.where.sandbox, admin, system.databases)
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert "orders, payments and stock balance" in shown
    async with asyncio.timeout(20):
        while not (report := await _examined(system)).healthy or report.in_flight:
            await asyncio.sleep(0.5)
    assert report.findings == []


async def _examined(system: Open):
    return await examine(system.databases, truth_url=f"{system.where.sandbox}/truth", grace=timedelta(0))


async def test_seeding_twice_changes_nothing(system: Open, http: httpx2.AsyncClient) -> None:
    assert not await seed(Client(http, system.where.public), admin_of(system.home, {}))


async def test_seeding_that_broke_off_is_ended_by_the_next(system: Open, http: httpx2.AsyncClient) -> None:
    """Its last step, the customer, is missing: he cannot sign in."""
    guest, admin = Client(http, system.where.public), admin_of(system.home, {})
    connection = await asyncpg.connect(plain_dsn(system.databases["auth"]))
    kept = await connection.fetchval("SELECT password_hash FROM users WHERE email = $1", CUSTOMER[1])
    change = "UPDATE users SET password_hash = $1 WHERE email = $2"
    await connection.execute(change, "no hash", CUSTOMER[1])
    assert await seed(guest, admin)
    await connection.execute(change, kept, CUSTOMER[1])
    await connection.close()
    assert not await seed(guest, admin)
    names = [product["name"] for product in (await guest.get("/products", params={"limit": "100"}))["items"]]
    assert len(names) == len(set(names)) >= 12


async def test_the_shop_has_both_kinds_in_four_currencies_and_something_scarce(
    system: Open, http: httpx2.AsyncClient
) -> None:
    listed = (await http.get(f"{system.where.public}/api/v1/products?limit=100")).json()["items"]
    assert {product["kind"] for product in listed} == {"physical", "digital"}
    assert {product["price"]["currency"] for product in listed} == {"USD", "INR", "JPY", "KWD"}
    assert min(product["stock"] for product in listed if product["stock"] is not None) <= 7


async def test_the_system_says_how_it_is(system: Open, http: httpx2.AsyncClient) -> None:
    health = await http.get(f"{system.where.public}/api/v1/health")
    assert health.json() == {"status": "ok", "services": dict.fromkeys(SERVICES, "ok")}


async def test_the_documentation_is_served_from_here(system: Open, http: httpx2.AsyncClient) -> None:
    page = await http.get(f"{system.where.public}/api/docs")
    assert page.status_code == 200
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "https://" not in page.text
    assert (await http.get(f"{system.where.public}/api/docs/assets/swagger-ui-bundle.js")).status_code == 200
    document = (await http.get(f"{system.where.public}/api/docs/openapi.json")).json()
    assert "/api/v1/orders" in document["paths"]


async def test_internal_paths_are_not_public(system: Open, http: httpx2.AsyncClient) -> None:
    for path in ("/orders/health/ready", "/orders/metrics", "/metrics", "/openapi.json", "/docs"):
        assert (await http.get(f"{system.where.public}{path}")).status_code == 404


async def test_a_wrong_password_is_refused(system: Open, http: httpx2.AsyncClient) -> None:
    with pytest.raises(ApiError, match="401") as refused:
        await Client(http, system.where.public).login(CUSTOMER[1], "not the password")
    assert refused.value.status == 401


async def test_an_operator_finds_shows_and_retries_parked_events(system: Open) -> None:
    named = {f"DATABASE_URL_{service.upper()}": url for service, url in system.databases.items()}
    database = open_database(system.databases["orders"], "orders")
    async with database.transaction() as session:
        await fetch(
            session,
            "INSERT INTO inbox (id, type, source, partition_key, status, error, body) "
            "VALUES (gen_random_uuid(), 'unreadable', '', '', 'parked', 'no envelope', $1)",
            b"\xff",
        )
    await database.close()
    (row,) = await parked.listing(system.home, named)
    assert (row["service"], row["error"]) == ("orders", "no envelope")
    (shown,) = await parked.showing(system.home, named, row["id"])
    assert shown["body"] == "b'\\xff'"
    assert await parked.retrying(system.home, named, "catalog", None) == 0
    assert await parked.retrying(system.home, named, "orders", row["id"]) == 1
    async with asyncio.timeout(10):
        while not await parked.listing(system.home, named):
            await asyncio.sleep(0.1)
    database = open_database(system.databases["orders"], "orders")
    async with database.transaction() as session:
        await fetch(session, "DELETE FROM inbox WHERE id = $1", row["id"])
    await database.close()


async def test_the_databases_of_a_running_system_are_found(system: Open) -> None:
    async with database_urls(system.home, {}) as urls:
        assert urls == system.databases


def test_secrets_are_made_once_and_kept_from_others(system: Open) -> None:
    kept = json.loads((system.home.path / "secrets.json").read_text())
    assert kept == system.home.secrets()
    assert (system.home.path / "secrets.json").stat().st_mode & 0o077 == 0
    assert Path(system.home.path).stat().st_mode & 0o777 == 0o700
