"""A short history for the doctor: five services, a provider and a mailbox live it, then all stop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from common.broker import InProcessWire
from common.db import plain_dsn
from common.serve import listening
from common.service import Service
from common.telemetry import log_as_json
from common.testing import bearer, one_service, seal_settings
from orders.actions.refunding import request_refund
from orders.queries import get_order
from sandbox.main import Sandbox, SandboxSettings
from souk.services import BUILDERS, MIGRATIONS

SECRET = "whsec_of_the_doctors_test"
KEY_ID, KEY_SECRET = "rzp_test_doctor", "key_secret_of_the_doctors_test"
WAYS = "stripe:intent,stripe:checkout,razorpay:checkout"
Json = dict[str, Any]
# A book is copied for each test, so it had better be small.
DROP_EMPTY_MONTHS = """
DO $$ DECLARE month regclass; filled boolean; BEGIN
    FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent IN ('outbox'::regclass, 'inbox'::regclass) LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', month) INTO filled;
        IF NOT filled THEN EXECUTE format('DROP TABLE %s', month); END IF;
    END LOOP;
END $$
"""


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
        body |= {"low_stock": stock - 1} if stock else {}  # the first that is bought makes it low
        return (await self.post("catalog", "/products", body, "seller"))["id"]

    async def announce(self) -> None:
        """Ask for a token to upload a file that never comes."""
        told = {"name": "Dune.jpg", "content_type": "image/jpeg", "size": 1000}
        await self.post("catalog", "/uploads/token", told, "seller")

    async def order(self, *items: tuple[str, int], way: str = "stripe:intent") -> Json:
        wanted = [{"product_id": product, "quantity": quantity} for product, quantity in items]
        return await self.post("orders", "/orders", {"items": wanted, "payment": chosen(way)})

    async def pay_otherwise(self, order: Json, way: str) -> Json:
        return await self.post("orders", f"/orders/{order['id']}/pay", chosen(way))

    async def pay(self, order: Json, *methods: str) -> None:
        for method in methods or ("pm_card_visa",):
            await self.intent(order, "/confirm", {"payment_method": method, "return_url": "https://shop.test"})
            await asyncio.sleep(0.2)

    async def intent(self, order: Json, path: str, form: Json) -> None:
        intent = order["payment"]["client_secret"].split("_secret_")[0]
        url = f"{self.sandbox}/stripe/v1/payment_intents/{intent}{path}"
        await self.http.post(url, data=form, headers={"Authorization": "Bearer sk_test_souk"})

    async def fill_in_page(self, order: Json, card: str = "4242424242424242") -> None:
        """Pay on the provider's own page."""
        payment = order["payment"]
        url = payment["checkout_url"] or f"{self.sandbox}/razorpay/checkout/{payment['razorpay']['order_id']}"
        answer = await self.http.post(url, data={"card_number": card}, headers={"Accept": "application/json"})
        assert answer.status_code in {200, 303}, answer.text

    async def until(self, order: Json, status: str) -> None:
        async with asyncio.timeout(20):
            while await self.value("orders", "SELECT status FROM orders WHERE id = $1", UUID(order["id"])) != status:
                await asyncio.sleep(0.05)

    async def until_given_back(self, count: int) -> None:
        """Wait until the system has given back so many captures by itself."""
        back = "SELECT count(*) FROM refunds WHERE system AND status = 'succeeded'"
        async with asyncio.timeout(20):
            while await self.value("payments", back) < count:
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


def chosen(way: str) -> Json:
    provider, _, flow = way.partition(":")
    return {"provider": provider, "flow": flow}


@asynccontextmanager
async def living(urls: dict[str, str], folder: Path) -> AsyncIterator[Street]:
    """Run the five services over one in-process wire, and the sandbox beside them; they log as in production."""
    log_as_json("WARNING")
    port, shop_port = free_port(), free_port()
    hooks = f"http://127.0.0.1:{shop_port}/api/v1/payments/webhooks"
    settings = SandboxSettings(
        folder / "sandbox.db",
        webhook_targets={name: f"{hooks}/{name}" for name in ("stripe", "razorpay")},
        webhook_secrets=dict.fromkeys(("stripe", "razorpay"), SECRET),
        api_keys={"razorpay": f"{KEY_ID}:{KEY_SECRET}"},
        public_url=f"http://127.0.0.1:{port}/sandbox",
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
            "RAZORPAY_KEY_ID": KEY_ID,
            "RAZORPAY_KEY_SECRET": KEY_SECRET,
            "RAZORPAY_WEBHOOK_SECRET": SECRET,
            "RAZORPAY_API_BASE": f"http://127.0.0.1:{port}/sandbox/razorpay",
            "PAYMENT_METHODS": WAYS,
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
    await street.announce()
    async with asyncio.timeout(10):
        while await street.value("orders", "SELECT count(*) FROM products") < 2:
            await asyncio.sleep(0.05)
    orders = await bought(street, picture, print_) | await switched(street, picture)
    orders |= await unpaid(street, picture, print_)
    await street.until_quiet()
    return {name: order["id"] for name, order in orders.items()} | {"picture": picture, "print": print_}


async def bought(street: Street, picture: str, print_: str) -> dict[str, Json]:
    """Paid and shipped, declined first and then paid, given back."""
    shipped = await street.order((picture, 1), (print_, 1))
    viewed, returned = await street.order((picture, 2)), await street.order((picture, 1))
    await street.pay(shipped)
    await street.pay(viewed, "pm_card_chargeDeclined", "pm_card_visa")
    await street.pay(returned)
    await street.until(viewed, "fulfilled")
    await street.until(returned, "fulfilled")
    await street.until(shipped, "paid")
    await street.post("orders", f"/orders/{shipped['id']}/ship", {}, "admin")
    async with street.services["orders"].database.transaction() as session:
        request_refund(session, await get_order(session, UUID(returned["id"])), "requested_by_customer")
    await street.until(returned, "refunded")
    return {"shipped": shipped, "viewed": viewed, "returned": returned}


async def switched(street: Street, picture: str) -> dict[str, Json]:
    """Two who ask for another way: one is paid on Stripe's page, one by both providers, so that the second goes back.

    What was asked for first stays open at Razorpay, which closes nothing.
    """
    once = await street.order((picture, 1), way="razorpay:checkout")
    await street.fill_in_page(await street.pay_otherwise(once, "stripe:checkout"))
    twice = await street.order((picture, 1), way="razorpay:checkout")
    await street.pay(await street.pay_otherwise(twice, "stripe:intent"))
    for order in (once, twice):
        await street.until(order, "fulfilled")
    await street.fill_in_page(twice, "4111111111111111")
    await street.until_given_back(1)
    return {"switched": once, "twice": twice}


async def unpaid(street: Street, picture: str, print_: str) -> dict[str, Json]:
    """More than there is, never paid, not paid yet, and paid by another amount than was asked for."""
    rejected = await street.order((print_, 6))
    expired, waiting = await street.order((print_, 1)), await street.order((print_, 1))
    await street.value("orders", "UPDATE orders SET due_at = now() WHERE id = $1", UUID(expired["id"]))
    mismatched = await street.order((picture, 1))
    await street.intent(mismatched, "", {"amount": "1901"})  # somebody has changed it in the dashboard
    await street.pay(mismatched)
    await street.until(mismatched, "cancelled")
    await street.until_given_back(2)
    ended = {"rejected": rejected, "expired": expired}
    for status, order in ended.items():
        await street.until(order, status)
    await street.until(waiting, "awaiting_payment")
    return {**ended, "waiting": waiting, "mismatched": mismatched}


@asynccontextmanager
async def telling(told: Json, mails: list[Json]) -> AsyncIterator[str]:
    """A provider and a mailbox that say this."""
    routes = [Route("/truth", lambda _: JSONResponse(told)), Route("/mail/messages", lambda _: JSONResponse(mails))]
    port = free_port()
    async with listening(Starlette(routes=routes), "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}/truth"
