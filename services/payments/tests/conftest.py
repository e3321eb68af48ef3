"""Payments on its own beside a running sandbox, and the words to drive both."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest_asyncio
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from common.contracts.orders import OrderClosing, OrderPaymentRequested, OrderRefundRequested
from common.db import fetch
from common.events import new_id
from common.migrations import migrate
from common.money import Money
from common.testing import OneService, bearer, one_service, open_as
from payments.main import MIGRATIONS, build
from sandbox.main import Sandbox, SandboxSettings
from sandbox.stripe.signature import signature_header

Json = dict[str, Any]
KEY, SECRET = "sk_test_souk", "whsec_of_the_test"
SECRETS = {"stripe": SECRET, "razorpay": "hook"}


class Street:
    """One server for all tests: the sandbox and the service of the moment live behind it."""

    def __init__(self) -> None:
        self.url = ""
        self.http: httpx2.AsyncClient
        self.sandbox: ASGIApp
        self.shop: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith("/sandbox"):
            return await self.shop(scope, receive, send)
        return await self.sandbox({**scope, "root_path": "/sandbox"}, receive, send)


class Till:
    """The payments service with one buyer, and the sandbox's Stripe."""

    def __init__(self, one: OneService, street: Street) -> None:
        self.one, self.http, self.buyer = one, street.http, uuid4()
        self.other = one  # or a second worker

    def request(self, amount: int = 2599, currency: str = "USD", **changes: object) -> OrderPaymentRequested:
        """An order that may be paid."""
        fields: Json = {
            "order_id": new_id(),
            "number": "S-1000",
            "user_id": self.buyer,
            "attempt": 1,
            "provider": "stripe",
            "flow": "intent",
            "amount": Money(amount, currency),
            "expires_at": datetime.now(UTC) + timedelta(minutes=30),
        }
        return OrderPaymentRequested.model_validate({**fields, **changes})

    async def open(self, **changes: Any) -> Json:
        """An open payment: what `payment.opened` says of it, its secret opened."""
        fact = self.request(**changes)
        await self.one.hear(fact)
        await self.one.work_loops("open payments")
        opened = next(
            event.data
            for event in await self.one.told("payment.opened")
            if event.data["order_id"] == str(fact.order_id)
        )
        return {**opened, "client_secret": open_as("orders", opened["client_secret"])}

    async def paid(self, **changes: Any) -> Json:
        """A payment whose money is captured, and who knows it."""
        payment = await self.open(**changes)
        await self.confirm(payment["provider_ref"])
        await self.poll()
        return payment

    async def stripe(self, method: str, path: str, **params: Any) -> Json:
        """Ask the sandbox's Stripe itself."""
        given = {"params": params} if method == "GET" else {"data": params}
        answer = await self.http.request(
            method, f"/sandbox/stripe/v1/{path}", headers={"authorization": f"Bearer {KEY}"}, **given
        )
        body: Json = answer.json()
        return body

    async def confirm(self, ref: str, method: str = "pm_card_visa") -> Json:
        """The buyer pays, or tries to."""
        return await self.stripe("POST", f"payment_intents/{ref}/confirm", payment_method=method)

    async def events(self, *types: str) -> list[Json]:
        """Stripe's events so far, oldest first."""
        listed = (await self.stripe("GET", "events", limit=100))["data"]
        return [event for event in reversed(listed) if not types or event["type"] in types]

    async def webhook(self, body: Json | bytes, **changes: Any) -> httpx2.Response:
        """Send an event as Stripe does."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        signature = changes.pop("signature", None) or signature_header(raw, [SECRET], changes.pop("at", time.time()))
        headers = {"stripe-signature": signature, "content-type": "application/json"}
        worker = changes.pop("worker", self.one)
        return await worker.client.post("/payments/webhooks/stripe", content=raw, headers=headers)

    async def crowd(self, events: list[Json]) -> set[int]:
        """Send events all at once, to both workers in turn; the statuses of the answers."""
        workers = (self.one, self.other)
        sent = (self.webhook(event, worker=workers[number % 2]) for number, event in enumerate(events))
        return {answer.status_code for answer in await asyncio.gather(*sent)}

    async def apply(self) -> None:
        """Let both workers apply what came, four times at once each."""
        await asyncio.gather(*(worker.work_loops("apply facts") for worker in (self.one, self.other) * 4))

    async def chaos(self, mode: str, operation: str | None = None, **more: Any) -> None:
        """Let the sandbox misbehave."""
        rule = {"provider": "stripe", "mode": mode, "operation": operation, **more}
        answer = await self.http.put("/sandbox/chaos", json=rule)
        assert answer.status_code == 200, answer.text

    async def behave(self) -> None:
        """Let the sandbox behave again."""
        await self.http.delete("/sandbox/chaos")

    async def truth(self, kind: str) -> list[Json]:
        """What the sandbox's Stripe believes."""
        listed: list[Json] = (await self.http.get("/sandbox/truth")).json()["stripe"][kind]
        return listed

    async def rows(self, sql: str, *args: object) -> list[Json]:
        """Look into the database."""
        async with self.one.database.transaction() as session:
            return [dict(row) for row in await fetch(session, sql, *args)]

    async def payment(self, payment_id: str | UUID) -> Json:
        """A payment's row."""
        return (await self.rows("SELECT * FROM payments WHERE id = $1", UUID(str(payment_id))))[0]

    async def let_time_pass(self, table: str) -> None:
        """Make everything in a table due now."""
        await self.rows(f"UPDATE {table} SET due_at = now(), leased_until = NULL WHERE due_at IS NOT NULL")  # noqa: S608 - a table of ours

    async def poll(self) -> None:
        """Let the poller look at every open payment."""
        await self.let_time_pass("payments")
        await self.one.work_loops("poll payments")

    async def again(self, loop: str, table: str = "payments") -> None:
        """Let the loop make its next attempt now."""
        await self.let_time_pass(table)
        await self.one.work_loops(loop)

    def closing(self, payment: Json, into: str = "expired") -> OrderClosing:
        """The order is to end."""
        return OrderClosing.model_validate(
            {"order_id": payment["order_id"], "attempt": payment["attempt"], "into": into}
        )

    def refund(self, payment: Json, amount: int = 2599, **changes: object) -> OrderRefundRequested:
        """Money is to go back."""
        fields: Json = {
            "order_id": payment["order_id"],
            "refund_id": new_id(),
            "payment_id": payment["payment_id"],
            "amount": Money(amount, "USD"),
            "reason": "out_of_stock",
        }
        return OrderRefundRequested.model_validate({**fields, **changes})

    async def told(self, *types: str) -> list[Json]:
        """What payments said, of these wire names."""
        return [event.data for event in await self.one.told(*types)]

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.02)

    async def show(self, path: str, *roles: str, user: UUID | None = None) -> Any:
        """Ask the API."""
        return await self.one.client.get(f"/payments{path}", headers=bearer(user or self.buyer, *roles))


@pytest_asyncio.fixture(scope="session")
async def street() -> AsyncIterator[Street]:
    made = Street()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(made, lifespan="off", log_level="error", timeout_graceful_shutdown=1, date_header=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    made.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx2.AsyncClient(base_url=made.url, timeout=10, trust_env=False) as made.http:
        yield made
    server.should_exit = True
    await task
    listener.close()


MakeTill = Callable[..., Awaitable[Till]]


@pytest_asyncio.fixture
async def make_till(
    make_database: Callable[..., Awaitable[str]], street: Street, tmp_path: Path
) -> AsyncIterator[MakeTill]:
    """`await make_till(webhooks=True, environ={…})`: a till; without webhooks the sandbox keeps them to itself.

    `workers=2` has another one of the service over the same database. The sandbox signs with `secrets`.
    """
    opened: list[tuple[OneService, Sandbox]] = []
    others: list[OneService] = []

    async def migrated(url: str) -> None:
        await migrate(url, MIGRATIONS)

    async def make(
        *,
        webhooks: bool = False,
        environ: dict[str, str] | None = None,
        workers: int = 1,
        secrets: dict[str, str] = SECRETS,
    ) -> Till:
        targets = {name: f"{street.url}/api/v1/payments/webhooks/{name}" for name in secrets} if webhooks else {}
        sandbox = Sandbox(
            SandboxSettings(
                state_file=tmp_path / f"sandbox-{len(opened)}.db",
                webhook_targets=targets,
                webhook_secrets=secrets,
                public_url=f"{street.url}/sandbox",
                webhook_retry_delays=(0.1, 0.1, 0.2, 0.5, 1, 2, 5),
                settle_after=0.2,
            )
        )
        await sandbox.start()
        given = {
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "STRIPE_API_BASE": f"{street.url}/sandbox/stripe",
            "PROVIDER_TIMEOUT": "1s",
        }
        url = await make_database("payments", template="payments", prepare=migrated)
        one = await one_service(build, MIGRATIONS, url, {**given, **(environ or {})})
        opened.append((one, sandbox))
        street.sandbox, street.shop = sandbox.app, one.service.app
        till = Till(one, street)
        if workers == 2:
            till.other = await one_service(build, MIGRATIONS, url, {**given, **(environ or {})})
            others.append(till.other)
        return till

    yield make
    for other in others:
        await other.close()
    for one, sandbox in opened:
        await one.close()
        await sandbox.stop()


@pytest_asyncio.fixture
async def till(make_till: MakeTill) -> Till:
    """A till whose sandbox sends no webhooks: the test does."""
    return await make_till()
