"""The whole system under one impatient crowd: one order, one capture, whatever comes two hundred times."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import httpx2
import orjson
import pytest
import pytest_asyncio

from sandbox.stripe.signature import signature_header
from souk.client import Client, Json
from souk.doctor import examine
from souk.environment import Addresses, webhook_secrets
from souk.home import SERVICES, Home
from souk.machines.ports import free_port
from souk.onebox import one_process
from souk.seed import CUSTOMER

HANDS, PATIENCE = 200, 120
TEMPO = {"SOUK_PACE": "10", "LOG_LEVEL": "ERROR", "ARGON2_PROFILE": "light"}
BUSY = {409, 425, 429, 503}
T = TypeVar("T")


class Crowd:
    """A running system, its customer, and what hurries them."""

    def __init__(self, home: Home, where: Addresses, http: httpx2.AsyncClient, buyer: Client) -> None:
        self.home, self.where, self.http, self.buyer = home, where, http, buyer
        self.signed = {"Authorization": f"Bearer {buyer.token}"}

    async def at_last(self, method: str, url: str, **options: Any) -> httpx2.Response:
        """Ask until there is an answer, as clients and providers are told to."""
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(httpx2.TransportError):
                    answer = await self.http.request(method, url, **options)
                    if answer.status_code not in BUSY:
                        return answer
                await asyncio.sleep(0.2)

    async def stripe(self, method: str, path: str, **given: str) -> Json:
        """Ask the sandbox's Stripe itself."""
        headers = {"authorization": "Bearer sk_test_souk_sandbox"}
        sent = {"params": given} if method == "GET" else {"data": given}
        answer = await self.at_last(method, f"{self.where.sandbox}/stripe/v1/{path}", headers=headers, **sent)
        body: Json = answer.json()
        return body

    async def webhook(self, event: Json) -> int:
        """Send an event as Stripe does."""
        body = orjson.dumps(event)
        secret = webhook_secrets({}, self.home)["stripe"]
        headers = {"stripe-signature": signature_header(body, [secret], time.time())}
        url = f"{self.where.public}/api/v1/payments/webhooks/stripe"
        return (await self.at_last("POST", url, content=body, headers=headers)).status_code

    async def until(self, so: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(PATIENCE):
            while not await so():
                await asyncio.sleep(0.1)


async def together(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of them bring; where one fails the others end."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in asked]
    return [task.result() for task in tasks]


@pytest_asyncio.fixture
async def crowd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    home = Home(tmp_path_factory.mktemp("home")).open()
    given = {**TEMPO, "INTERNAL_PORT": str(free_port())}
    async with (
        one_process(home, given, free_port(), lambda _: None) as where,
        httpx2.AsyncClient(timeout=PATIENCE, limits=httpx2.Limits(max_connections=2 * HANDS)) as http,
    ):
        yield Crowd(home, where, http, await Client(http, where.public).login(*CUSTOMER[1:]))


async def test_two_hundred_hands_on_one_order_make_one_order_one_capture_and_no_refund(crowd: Crowd) -> None:
    """medusa#13301, saleor#12652, vendure#620: the browser and the webhook completed side by side."""
    api = f"{crowd.where.public}/api/v1"
    listed = (await crowd.buyer.get("/products", params={"limit": "100"}))["items"]
    scarce = next(product for product in listed if product["stock"] == 7)
    body = {
        "items": [{"product_id": scarce["id"], "quantity": 1}],
        "payment": {"provider": "stripe", "flow": "intent"},
    }
    asking = {"json": body, "headers": {**crowd.signed, "Idempotency-Key": "one", "Prefer": "wait=1"}}
    # The same key while the first is at work is a conflict, with a time to come again.
    placed = await together(crowd.at_last("POST", f"{api}/orders", **asking) for _ in range(HANDS))
    assert {answer.status_code for answer in placed} == {201}
    [order_id] = {answer.json()["id"] for answer in placed}

    async def payable() -> bool:
        return bool((await crowd.buyer.get(f"/orders/{order_id}"))["payment"].get("client_secret"))

    await crowd.until(payable)
    [intent] = (await crowd.http.get(f"{crowd.where.sandbox}/truth")).json()["stripe"]["payment_intents"]
    rule = {"provider": "stripe", "target": "webhook", "mode": "duplicate", "times": 10}
    await crowd.http.put(f"{crowd.where.sandbox}/chaos", json=rule)
    await _hurry(crowd, intent)

    async def paid() -> bool:
        return (await crowd.buyer.get(f"/orders/{order_id}"))["status"] == "paid"

    await crowd.until(paid)
    await crowd.http.delete(f"{crowd.where.sandbox}/chaos")
    await _check_books(crowd, order_id, scarce)


async def _hurry(crowd: Crowd, intent: Json) -> None:
    """Everybody says that it was paid, or pays once more."""
    ref, payment_id = intent["id"], intent["metadata"]["payment_id"]
    paying = (
        crowd.stripe("POST", f"payment_intents/{ref}/confirm", payment_method="pm_card_visa") for _ in range(HANDS)
    )
    confirmed = [answer for answer in await together(paying) if answer.get("status") == "succeeded"]
    assert len(confirmed) == 1
    [event] = (await crowd.stripe("GET", "events", type="payment_intent.succeeded"))["data"]
    back = f"{crowd.where.public}/api/v1/payments/return/success?payment_id={payment_id}"
    hooks = (crowd.webhook({**event, "id": f"evt_{number}"}) for number in range(HANDS))
    browsers = (crowd.at_last("GET", back) for _ in range(HANDS // 4))
    answers = await together([*hooks, *browsers])
    assert set(answers[:HANDS]) == {200}


async def _check_books(crowd: Crowd, order_id: str, scarce: Json) -> None:
    truth = (await crowd.http.get(f"{crowd.where.sandbox}/truth")).json()["stripe"]
    assert [(charge["captured"], charge["amount_refunded"]) for charge in truth["charges"]] == [(True, 0)]
    assert truth["refunds"] == []
    assert [order["id"] for order in (await crowd.buyer.get("/orders"))["items"]] == [order_id]
    assert (await crowd.buyer.get(f"/products/{scarce['id']}"))["stock"] == 6

    async def one_mail() -> bool:
        mails = (await crowd.http.get(f"{crowd.where.sandbox}/mail/messages")).json()
        return len([mail for mail in mails if mail["to"] == CUSTOMER[1] and "paid" in mail["subject"].lower()]) == 1

    await crowd.until(one_mail)
    databases = {service: crowd.where.database_url(f"souk_{service}") for service in SERVICES}

    async def healthy() -> bool:
        found = await examine(databases, truth_url=f"{crowd.where.sandbox}/truth", grace=timedelta(0))
        return found.healthy and not found.in_flight

    await crowd.until(healthy)
    assert await one_mail()
