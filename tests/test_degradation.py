"""What still works while a part is away: the README's table, each cell tried on the services as processes."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from common.db import plain_dsn
from souk.client import ApiError, Client
from souk.environment import admin_of
from souk.fleet import Fleet
from souk.home import Home
from souk.machines.ports import free_port
from souk.seed import CUSTOMER, SELLER, seed

from .town import PAGE, Later, Town, payable, within

README = (Path(__file__).parents[1] / "README.md").read_text()
TEMPO = {"SOUK_PACE": "20", "PROVIDER_TIMEOUT": "2s", "ARGON2_PROFILE": "light", "LOG_LEVEL": "ERROR"}
WORKS, WAITS, REFUSED = "works", "waits", "refused"
SOON, IN_THE_END = 4, 60

Away = Callable[["Town"], AbstractAsyncContextManager[None]]


async def now_or_later(town: Town, wish: str, so: Later) -> str:
    if await within(SOON, so):
        return WORKS
    town.later[wish] = so
    return WAITS


# ---- what a customer or a seller may wish: each says how it goes


async def sign_in(town: Town) -> str:
    await town.buyer.login(*CUSTOMER[1:])
    return WORKS


async def browse(town: Town) -> str:
    await town.buyer.get("/products")
    return WORKS


async def order(town: Town) -> str:
    await town.place()
    return WORKS


async def pay_by_stripe(town: Town) -> str:
    return await _open(town, "stripe")


async def pay_by_razorpay(town: Town) -> str:
    return await _open(town, "razorpay")


async def _open(town: Town, provider: str) -> str:
    placed = await town.place(provider, wait=SOON)

    async def so() -> bool:
        return payable(await town.buyer.get(f"/orders/{placed['id']}"))

    if payable(placed):
        return WORKS
    town.later[f"pay by {provider}"] = so
    return WAITS


async def see_it_paid(town: Town) -> str:
    intent = town.open_order["payment"]["client_secret"].partition("_secret_")[0]
    url = f"{town.fleet.where.sandbox}/stripe/v1/payment_intents/{intent}/confirm"
    card = {"payment_method": "pm_card_visa"}
    (await town.http.post(url, data=card, auth=("sk_test_me", ""))).raise_for_status()

    async def so() -> bool:
        found = await town.buyer.get(f"/orders/{town.open_order['id']}")
        return bool(found["payment_status"] == "succeeded")

    return await now_or_later(town, "see it paid", so)


async def download(town: Town) -> str:
    async def so() -> bool:
        link = await town.buyer.post(f"/downloads/{town.grant}/url", {})
        return (await town.http.get(link["url"])).content == PAGE

    await town.buyer.post(f"/downloads/{town.grant}/url", {})
    return await now_or_later(town, "download", so)


async def register(town: Town) -> str:
    email = f"{uuid4().hex}@example.com"
    await Client(town.http, town.fleet.where.public).register("Ada", email, "a-rather-long-password")

    async def so() -> bool:
        found = await town.http.get(f"{town.fleet.where.sandbox}/mail/messages")
        return email in found.text

    return await now_or_later(town, "register", so)


async def sell_a_file(town: Town) -> str:
    async def so() -> bool:
        return bool((await town.seller.post("/assets", {"file_id": town.uploaded}, wait=1)).get("status") == "ready")

    await town.seller.post("/assets", {"file_id": town.uploaded}, wait=0)
    return await now_or_later(town, "sell a file", so)


WISHES: Mapping[str, Callable[[Town], Awaitable[str]]] = {
    "sign in": sign_in,
    "browse": browse,
    "order": order,
    "pay by Stripe": pay_by_stripe,
    "pay by Razorpay": pay_by_razorpay,
    "see it paid": see_it_paid,
    "download": download,
    "register, mail": register,
    "sell a file": sell_a_file,
}


async def try_(town: Town, wish: str) -> str:
    try:
        return await WISHES[wish](town)
    except ApiError as error:
        assert error.status == httpx2.codes.SERVICE_UNAVAILABLE, error
        assert error.problem["code"], "a problem, not a page"
        return REFUSED


# ---- what may be away


@asynccontextmanager
async def no_broker(town: Town) -> AsyncIterator[None]:
    await asyncio.to_thread(town.fleet.rabbitmq.ctl, "stop_app")
    yield
    await asyncio.to_thread(town.fleet.rabbitmq.ctl, "start_app")


def no_database(service: str) -> Away:
    @asynccontextmanager
    async def away(town: Town) -> AsyncIterator[None]:
        server = await asyncpg.connect(plain_dsn(town.fleet.where.database_url("postgres")))
        await server.execute(f"ALTER DATABASE souk_{service} ALLOW_CONNECTIONS false")
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", f"souk_{service}"
        )
        yield
        await server.execute(f"ALTER DATABASE souk_{service} ALLOW_CONNECTIONS true")
        await server.close()

    return away


def misbehaving(*rules: dict[str, Any]) -> Away:
    @asynccontextmanager
    async def away(town: Town) -> AsyncIterator[None]:
        dial = f"{town.fleet.where.sandbox}/chaos"
        (await town.http.put(dial, json=list(rules))).raise_for_status()
        yield
        (await town.http.delete(dial)).raise_for_status()

    return away


def no_provider(name: str) -> Away:
    # Of its API the buyer's browser asks to confirm, which goes on: what is tried is that nobody tells us.
    away = ("*.create", "*.retrieve", "*.list", "orders.*", "payments.*")
    down = [{"provider": name, "operation": operation, "mode": "error", "status": 503} for operation in away]
    return misbehaving(*down, {"provider": name, "target": "webhook", "mode": "drop"})


AWAY: Mapping[str, Away] = {
    "RabbitMQ": no_broker,
    "auth's database": no_database("auth"),
    "catalog's database": no_database("catalog"),
    "orders' database": no_database("orders"),
    "payments' database": no_database("payments"),
    "notifier's database": no_database("notifier"),
    "the mail server": misbehaving({"provider": "smtp", "operation": "rcpt", "mode": "error", "status": 421}),
    "Stripe": no_provider("stripe"),
    "Razorpay": no_provider("razorpay"),
    "ImageKit": misbehaving({"provider": "imagekit", "mode": "error", "status": 503}),
}


# ---- the table


def promised() -> dict[str, dict[str, str]]:
    """The README's table: what is away, what is wished, how it goes."""
    head, _, *rows = re.findall(r"^\|.*\|$", README.partition("<!-- degradation -->")[2], re.MULTILINE)[: 2 + len(AWAY)]
    wishes = [cell.strip() for cell in head.strip("|").split("|")][1:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {name: dict(zip(wishes, found, strict=True)) for name, *found in cells}


@pytest_asyncio.fixture
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    home = Home(tmp_path_factory.mktemp("town")).open()
    fleet = Fleet(home, TEMPO, port=free_port(), durable=False)
    try:
        await asyncio.to_thread(fleet.start)
        async with httpx2.AsyncClient(timeout=30) as http:
            guest = Client(http, fleet.where.public)
            await seed(guest, admin_of(home, {}))
            town = Town(fleet, http, await guest.login(*CUSTOMER[1:]), await guest.login(*SELLER[1:]), {}, "")
            asset = await town.seller.post("/assets", {"file_id": await town.upload()}, wait=10)
            price = {"amount": 900, "currency": "USD"}
            told = {"kind": "digital", "name": "Words", "price": price, "files": [asset["id"]]}
            town.product = await town.seller.post("/products", told)
            await prepare(town)
            await see_it_paid(town)
            assert await within(IN_THE_END, lambda: granted(town))
            yield town
    finally:
        await asyncio.to_thread(fleet.stop)


async def granted(town: Town) -> bool:
    grants = (await town.buyer.get("/downloads"))["items"]
    town.grant = grants[0]["id"] if grants else ""
    return bool(grants)


async def prepare(town: Town) -> None:
    """Have an order that can be paid and a file that can be registered."""
    town.later.clear()
    town.open_order = await town.place(wait=20)
    assert payable(town.open_order)
    town.uploaded = await town.upload()


@pytest.mark.slow
async def test_what_is_promised_while_a_part_is_away_is_so(town: Town, subtests: pytest.Subtests) -> None:
    table = promised()
    assert list(table) == list(AWAY)
    for away, row in table.items():
        assert list(row) == list(WISHES)
        await prepare(town)
        async with AWAY[away](town):
            found = dict(zip(WISHES, await asyncio.gather(*(try_(town, wish) for wish in WISHES)), strict=True))
        for wish, outcome in found.items():
            with subtests.test(away=away, wish=wish):
                assert outcome == row[wish]
        for wish, so in town.later.items():
            with subtests.test(away=away, wish=wish, back=True):
                assert await within(IN_THE_END, so), "what waited came when the part was back"
