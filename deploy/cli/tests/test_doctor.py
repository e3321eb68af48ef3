"""The doctor over a real history: five services, a provider and a mailbox lived it, then one book at a time is hurt."""

import asyncio
import json
import socket
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from common.broker import InProcessWire
from common.db import plain_dsn
from common.events import new_id
from common.migrations import migrate
from common.serve import listening
from common.service import Service
from common.testing import bearer, one_service, seal_settings
from orders.actions.ending import request_refund
from orders.queries import get_order
from sandbox.main import Sandbox, SandboxSettings
from souk.doctor import Finding, Report, doctor, examine
from souk.doctor.books import open_book, time_of
from souk.services import BUILDERS, MIGRATIONS

AT_ONCE, PATIENTLY = timedelta(0), timedelta(minutes=2)
SECRET = "whsec_of_the_doctors_test"
Json = dict[str, Any]


@dataclass
class History:
    """What is left of a system that has stopped: its databases, and what the provider and the mailbox say."""

    urls: dict[str, str]
    told: Json
    mails: list[Json]
    ids: dict[str, str]


@dataclass
class Street:
    """The living system: its services by name, a provider's address, and a buyer, a seller and an admin."""

    clients: dict[str, httpx2.AsyncClient]
    services: dict[str, Service]
    http: httpx2.AsyncClient
    sandbox: str
    people: dict[str, UUID]

    async def post(self, service: str, path: str, body: Json, who: str = "buyer") -> Json:
        headers = {**bearer(self.people.get(who, uuid4()), who), "Idempotency-Key": str(uuid4()), "Prefer": "wait=15"}
        answer = await self.clients[service].post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    async def sell(self, kind: str, stock: int | None) -> str:
        body = {"kind": kind, "name": f"A {kind} thing", "price": {"amount": 1900, "currency": "USD"}, "stock": stock}
        return (await self.post("catalog", "/products", body, "seller"))["id"]

    async def order(self, *items: tuple[str, int]) -> Json:
        wanted = [{"product_id": product, "quantity": quantity} for product, quantity in items]
        return await self.post("orders", "/orders", {"items": wanted, "payment": {"provider": "stripe"}})

    async def pay(self, order: Json, *methods: str) -> None:
        intent = order["payment"]["client_secret"].split("_secret_")[0]
        for method in methods or ("pm_card_visa",):
            form = {"payment_method": method, "return_url": "https://shop.test"}
            url = f"{self.sandbox}/stripe/v1/payment_intents/{intent}/confirm"
            await self.http.post(url, data=form, headers={"Authorization": "Bearer sk_test_souk"})
            await asyncio.sleep(0.2)

    async def until(self, order: Json, status: str) -> None:
        async with asyncio.timeout(20):
            while await self.value("orders", "SELECT status FROM orders WHERE id = $1", UUID(order["id"])) != status:
                await asyncio.sleep(0.05)

    async def until_quiet(self) -> None:
        """Wait until everything told is heard, sent and applied."""
        busy = (
            "SELECT (SELECT count(*) FROM outbox WHERE sent_at IS NULL AND error IS NULL) + (SELECT count(*) FROM {})"
        )
        queues = dict.fromkeys(self.services, "inbox WHERE status <> 'done'")
        queues["notifier"] = "notifications WHERE status IN ('queued', 'sending')"
        queues["payments"] = "provider_events WHERE due_at IS NOT NULL"
        async with asyncio.timeout(20):
            while sum([await self.value(service, busy.format(rest)) for service, rest in queues.items()]):
                await asyncio.sleep(0.05)

    async def value(self, service: str, sql: str, *args: object) -> Any:
        return await run(self.services[service].database.dsn, sql, *args)


async def run(url: str, sql: str, *args: object) -> Any:
    """Run SQL in a database and return its first value; several statements when there are no arguments."""
    connection = await asyncpg.connect(plain_dsn(url))
    try:
        return (
            await connection.fetchval(sql, *args) if args or sql.startswith("SELECT") else await connection.execute(sql)
        )
    finally:
        await connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def living(urls: dict[str, str], folder: Path) -> AsyncIterator[Street]:
    """Run the five services over one in-process wire, and the sandbox beside them."""
    port, shop_port = free_port(), free_port()
    target = f"http://127.0.0.1:{shop_port}/api/v1/payments/webhooks/stripe"
    settings = SandboxSettings(
        folder / "sandbox.db", webhook_targets={"stripe": target}, webhook_secrets={"stripe": SECRET}
    )
    async with AsyncExitStack() as stack:
        sandbox = Sandbox(settings)
        await sandbox.start()
        stack.push_async_callback(sandbox.stop)
        await stack.enter_async_context(
            listening(Starlette(routes=[Mount("/sandbox", sandbox.app)]), "127.0.0.1", port)
        )
        given = {
            "STRIPE_SECRET_KEY": "sk_test_souk",
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "STRIPE_API_BASE": f"http://127.0.0.1:{port}/sandbox/stripe",
            "SMTP_PORT": str(sandbox.smtp_port),
            "SMTP_STARTTLS": "never",
            "JWKS_URL": "http://127.0.0.1:9/nobody",
            "SOUK_PACE": "60",
        }
        wire, services, clients = InProcessWire(), {}, {}
        for name, url in urls.items():
            one = await one_service(BUILDERS[name], MIGRATIONS[name], url, {**given, **seal_settings(name)})
            stack.push_async_callback(one.close)
            one.service.wire = wire
            wire.bind(name, one.service.events.types)
            services[name], clients[name] = one.service, one.client
        await stack.enter_async_context(listening(services["payments"].app, "127.0.0.1", shop_port))
        for service in services.values():
            await stack.enter_async_context(service.running())
        http = await stack.enter_async_context(httpx2.AsyncClient())
        yield Street(clients, services, http, f"http://127.0.0.1:{port}/sandbox", {})


async def live(street: Street) -> dict[str, str]:
    """Let everything happen that the books are to tell of; return the ids that tests name."""
    for who in ("buyer", "seller", "admin"):
        account = {"name": who, "email": f"{who}@souk.test", "password": "a long password"}
        street.people[who] = UUID((await street.post("auth", "/auth/register", account))["id"])
    await street.post("auth", "/auth/login", {"email": "buyer@souk.test", "password": "a long password"})
    picture, print_ = await street.sell("digital", None), await street.sell("physical", 5)
    async with asyncio.timeout(10):
        while await street.value("orders", "SELECT count(*) FROM products") < 2:
            await asyncio.sleep(0.05)
    shipped, viewed, returned = [
        await street.order((picture, 1), (print_, 1)),
        await street.order((picture, 2)),
        await street.order((picture, 1)),
    ]
    too_many, unpaid, waiting = [
        await street.order((print_, 6)),
        await street.order((print_, 1)),
        await street.order((print_, 1)),
    ]
    await street.pay(shipped)
    await street.pay(viewed, "pm_card_chargeDeclined", "pm_card_visa")
    await street.pay(returned)
    await street.until(viewed, "fulfilled")
    await street.until(returned, "fulfilled")
    await street.until(shipped, "paid")
    await street.post("orders", f"/orders/{shipped['id']}/ship", {}, "admin")
    async with street.services["orders"].database.transaction() as session:
        request_refund(session, await get_order(session, UUID(returned["id"])), "requested_by_customer")
    await street.value("orders", "UPDATE orders SET due_at = now() WHERE id = $1", UUID(unpaid["id"]))
    for order, status in (
        (returned, "refunded"),
        (too_many, "rejected"),
        (unpaid, "expired"),
        (waiting, "awaiting_payment"),
    ):
        await street.until(order, status)
    await street.until_quiet()
    orders = {
        "shipped": shipped,
        "viewed": viewed,
        "returned": returned,
        "rejected": too_many,
        "expired": unpaid,
        "waiting": waiting,
    }
    return {name: order["id"] for name, order in orders.items()} | {"picture": picture, "print": print_}


@pytest_asyncio.fixture(scope="module")
async def history(databases: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[History]:
    urls = {name: await databases.create(name) for name in BUILDERS}
    for name, url in urls.items():
        await migrate(url, MIGRATIONS[name])
    async with living(urls, tmp_path_factory.mktemp("doctor")) as street:
        ids = await live(street)
        told = (await street.http.get(f"{street.sandbox}/truth")).json()
        mails = (await street.http.get(f"{street.sandbox}/mail/messages")).json()
    # The system has stopped, so nobody looks at the open payment any more.
    await run(urls["payments"], "UPDATE payments SET due_at = now() + interval '1 day' WHERE due_at IS NOT NULL")
    yield History(urls, told, mails, ids)


Hurt = Callable[[str, str], Awaitable[dict[str, str]]]


@pytest_asyncio.fixture
async def hurt(history: History, postgres_url: str) -> AsyncIterator[Hurt]:
    """`await hurt("orders", sql)`: the addresses of all books, one of them a changed copy; the history stays."""

    made = []

    async def change(service: str, sql: str) -> dict[str, str]:
        base, source = history.urls[service].rsplit("/", 1)
        made.append(f"doctor_{uuid4().hex[:10]}")
        await run(postgres_url, f'CREATE DATABASE "{made[-1]}" TEMPLATE "{source}"')
        await run(f"{base}/{made[-1]}", sql)
        return {**history.urls, service: f"{base}/{made[-1]}"}

    yield change
    for name in made:
        await run(postgres_url, f'DROP DATABASE "{name}"')


@asynccontextmanager
async def telling(told: Json, mails: list[Json]) -> AsyncIterator[str]:
    """A provider and a mailbox that say this."""
    routes = [Route("/truth", lambda _: JSONResponse(told)), Route("/mail/messages", lambda _: JSONResponse(mails))]
    port = free_port()
    async with listening(Starlette(routes=routes), "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}/truth"


async def test_a_healthy_system_has_no_finding_and_every_check_has_seen_rows(history):
    async with telling(history.told, history.mails) as url:
        report = await examine(history.urls, truth_url=url, grace=AT_ONCE)
    assert report.findings == [], report.lines()
    assert report.healthy
    assert [name for name, rows in report.checks if not rows] == []
    assert report.skipped == []
    assert "Healthy" in report.lines()[-1]


SABOTAGES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["sabotage"]


def filled(history: History, text: str) -> str:
    """Put the ids in the place of their names."""
    for name, id_ in history.ids.items():
        text = text.replace(f"':{name}'", f"'{id_}'").replace(f":{name}", f"'{id_}'")
    return text


async def offenders(history: History, sabotage: Json) -> set[str]:
    offender = filled(history, sabotage["offender"])
    if not offender.startswith("SELECT"):
        return {offender.strip("'")}
    connection = await asyncpg.connect(plain_dsn(history.urls[sabotage["hurt"]]))
    try:
        return {str(row[0]) for row in await connection.fetch(offender)}
    finally:
        await connection.close()


def named(findings: list[Finding], sabotage: Json) -> set[str]:
    """Return whom the check names in that service's book for what was done."""
    wanted = sabotage["check"], sabotage["names"]
    found = [f for f in findings if (f.check, f.service) == wanted and sabotage["says"] in f.detail]
    return {id_ for finding in found for id_ in finding.ids}


def label(sabotage: Json) -> str:
    return f"{sabotage['check']}: {' '.join(sabotage['sql'].split())}"


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=label)
async def test_each_sabotage_is_found_its_offender_named_and_no_other(history, hurt, sabotage):
    urls = await hurt(sabotage["hurt"], filled(history, sabotage["sql"]))
    expected = await offenders(history, sabotage)
    report = await examine(urls, grace=PATIENTLY)
    if sabotage.get("settles"):
        assert named(report.in_flight, sabotage) == expected, report.lines()
        assert named(report.findings, sabotage) == set()
        report = await examine(urls, grace=AT_ONCE)
    assert named(report.findings, sabotage) == expected, report.lines()
    assert not report.healthy


async def told_otherwise(history: History, change: Callable[[Json], object]) -> Report:
    """Examine the untouched books against what a provider or a mailbox says otherwise."""
    other = json.loads(json.dumps({**history.told["stripe"], "mails": history.mails}))
    change(other)
    async with telling({"stripe": other}, other["mails"]) as url:
        return await examine(history.urls, truth_url=url, grace=AT_ONCE)


def paid_charge(told: Json) -> Json:
    return next(charge for charge in told["charges"] if charge["amount_captured"])


@pytest.mark.parametrize(
    ("check", "change", "offender"),
    [
        (
            "I5 every",
            lambda told: paid_charge(told).update(payment_intent="pi_x"),
            lambda told: paid_charge(told)["id"],
        ),
        ("I5 every", lambda told: paid_charge(told).update(amount_captured=7), lambda told: paid_charge(told)["id"]),
        ("I5 every", lambda told: told["charges"].append(paid_charge(told) | {"id": "ch_2"}), lambda _: "ch_2"),
        ("I7 every", lambda told: told["refunds"][0].update(metadata={}), lambda told: told["refunds"][0]["id"]),
        ("I7 every", lambda told: told["refunds"][0].update(amount=7), lambda told: told["refunds"][0]["id"]),
        ("I7 every", lambda told: told["refunds"][0].update(status="failed"), lambda told: told["refunds"][0]["id"]),
        (
            "I7 every",
            lambda told: told["refunds"].append(told["refunds"][0] | {"id": "re_2"}),
            lambda told: told["refunds"][0]["metadata"]["refund_id"],
        ),
        ("I22", lambda told: told["webhooks"][0].update(event_id="evt_x"), lambda _: "evt_x"),
        ("I22", lambda told: told["webhooks"][0].update(body_sha256="0"), lambda told: told["webhooks"][0]["event_id"]),
        ("I15", lambda told: told["mails"].append(told["mails"][0]), lambda told: told["mails"][0]["message_id"]),
    ],
)
async def test_books_that_differ_from_the_providers_are_found(history, check, change, offender):
    report = await told_otherwise(history, change)
    named = {id_ for finding in report.findings for id_ in finding.ids if finding.check.startswith(check)}
    assert offender({**history.told["stripe"], "mails": history.mails}) in named, report.lines()


async def test_money_the_provider_does_not_know_of_is_found(history):
    report = await told_otherwise(history, lambda told: (told["charges"].clear(), told["refunds"].clear()))
    details = " ".join(finding.detail for finding in report.findings)
    assert "took nothing for it" in details
    assert "gave nothing back" in details


@pytest.mark.slow
async def test_a_transaction_left_open_is_found(history):
    connection = await asyncpg.connect(plain_dsn(history.urls["orders"]))
    try:
        await connection.execute("BEGIN; SELECT 1")
        await asyncio.sleep(5.2)
        report = await examine(history.urls, grace=PATIENTLY)
    finally:
        await connection.close()
    assert [finding.check for finding in report.findings] == ["I26 orders: nothing left open"]


async def test_nothing_can_be_written_through_a_book(history):
    async with open_book("orders", history.urls["orders"]) as book:
        for statement in ("UPDATE orders SET total = 0", "CREATE TABLE x ()", "SELECT nextval('x')"):
            with pytest.raises(asyncpg.PostgresError):
                async with book.attempt():
                    await book.rows(statement)
        with pytest.raises(asyncpg.PostgresError):
            await book.rows("SET TRANSACTION READ WRITE")


async def test_long_books_are_read_in_pieces_with_the_same_outcome(history, monkeypatch):
    monkeypatch.setattr("souk.doctor.books._PIECE", 2)
    report = await examine(history.urls, grace=AT_ONCE)
    assert report.findings == []
    monkeypatch.undo()
    assert report.checks == (await examine(history.urls, grace=AT_ONCE)).checks


async def test_without_a_book_or_the_provider_what_was_not_examined_is_said(history):
    report = await examine({"orders": history.urls["orders"]}, grace=AT_ONCE)
    assert report.healthy
    assert {"I5 every charge is known", "I6 paid means paid", "I8 no oversell"} <= set(report.skipped)
    assert any("not examined" in line for line in report.lines())


async def test_what_cannot_be_read_is_a_finding(history, make_database, monkeypatch):
    nobody, empty = history.urls["auth"].rsplit("/", 1)[0] + "/nobody", await make_database("orders")
    report = await examine({**history.urls, "auth": nobody, "orders": empty}, truth_url="http://127.0.0.1:9/truth")
    broken = {(finding.check, finding.service) for finding in report.findings}
    assert {("books", "auth"), ("truth", "provider"), ("I6 an order's sum", "orders")} <= broken
    assert ("I8 no oversell", 0) not in report.checks


async def test_an_empty_system_cannot_pass_as_proof(make_database):
    url = await make_database("catalog", template="catalog", prepare=partial(migrate, folder=MIGRATIONS["catalog"]))
    report = await examine({"catalog": url})
    assert [rows for name, rows in report.checks if not name.startswith("I26")] == [0] * (len(report.checks) - 1)


async def test_the_command_prints_people_or_json_and_says_by_its_exit_code(history, capsys):
    assert await doctor(history.urls, grace=AT_ONCE) == 0
    assert "Healthy" in capsys.readouterr().out
    assert await doctor({"orders": history.urls["auth"]}, None, AT_ONCE, as_json=True) == 1
    shown = json.loads(capsys.readouterr().out)
    assert not shown["healthy"]
    assert shown["findings"][0]["check"] == "I3 one order per key"


def test_many_offenders_are_counted_and_only_some_are_named():
    finding = Finding("I0", "orders", [], "It is wrong.")
    for number in range(1500):
        finding.add(str(number))
    assert (finding.count, len(finding.ids)) == (1500, 1000)
    assert list(finding.lines())[-1].strip() == "… and 1490 more"


def test_ids_tell_their_time():
    assert abs(datetime.now(UTC) - time_of(new_id())) < timedelta(seconds=5)
    assert time_of(uuid4()) == datetime(1970, 1, 1, tzinfo=UTC)
