"""The whole system in one process, at a fast pace: two providers at once, and webhooks that only add speed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from common.db import plain_dsn
from souk.environment import Addresses, admin_of
from souk.home import SERVICES, Home
from souk.hurt import visits
from souk.hurt.customers import Customer
from souk.hurt.dial import Dial
from souk.hurt.drain import drain
from souk.hurt.plans import INTENT, RAZORPAY, Plan, payment
from souk.hurt.same import Again, compared, plans_of, read, weathers
from souk.hurt.tills import Tills
from souk.hurt.verdict import open_books
from souk.hurt.workload import Crowd
from souk.machines.ports import free_port
from souk.onebox import one_process
from souk.seed import SELLER

PACE = 60.0
TEMPO = {
    "SOUK_PACE": f"{PACE:g}",
    "ORDER_EXPIRES_AFTER": "5m",
    "ORDER_CLOSES_WITHIN": "3m",
    "LOG_LEVEL": "ERROR",
    "ARGON2_PROFILE": "light",
}
# Stripe closes nothing, so that both can succeed whatever the system does to prevent it.
CLOSES_NOTHING = {"provider": "stripe", "operation": "payment_intents.cancel", "mode": "error"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Town:
    """A running system, those who buy there, and the means to hurt it."""

    where: Addresses
    crowd: Crowd
    dial: Dial
    http: httpx2.AsyncClient

    @property
    def databases(self) -> dict[str, str]:
        return {service: self.where.database_url(f"souk_{service}") for service in SERVICES}

    async def offences(self) -> list[str]:
        """Whatever the doctor finds once nothing moves any more, and whatever was promised and not kept."""
        moving = await drain(self.databases, self.dial)
        _, found = await open_books(self.databases, f"{self.where.sandbox}/truth")
        return [*moving, *found, *await self.crowd.ledger.check(self.databases)]

    async def rows(self, service: str, sql: str, *args: object) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(plain_dsn(self.databases[service]))
        try:
            return [tuple(row) for row in await connection.fetch(sql, *args)]
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    home = Home(tmp_path_factory.mktemp("home")).open()
    given = {**TEMPO, "INTERNAL_PORT": str(free_port())}
    async with one_process(home, given, free_port(), lambda _: None) as where, httpx2.AsyncClient(timeout=30) as http:
        crowd = Crowd(http, (where.public, where.sandbox), admin_of(home, given), random.Random(1))
        seller = Customer(http, where.public, *SELLER[1:])
        await seller.sign_in()
        await crowd.prepare(seller)
        yield Town(where, crowd, Dial(http, where.sandbox), http)


async def shown(buyer: Customer, order: Json, so: Callable[[Json], object]) -> Json:
    """The order once something is true of it."""
    async with asyncio.timeout(60):
        while not so(seen := await buyer.persist("GET", f"/orders/{order['id']}")):
            await asyncio.sleep(0.2)
    return seen


async def payable(buyer: Customer, path: str, key: str, body: Json) -> Json:
    """Ask for an order, or for another way to pay it, and return it once it can be paid so."""
    headers = {"Idempotency-Key": key, "Prefer": "wait=20"}
    order = await buyer.persist("POST", path, json=body, headers=headers)
    wanted = (body.get("payment") or body)["provider"]

    def so(seen: Json) -> bool:
        shown = seen["payment"] or {}
        return shown.get("provider") == wanted and bool(shown["client_secret"] or shown["razorpay"])

    return await shown(buyer, order, so)


async def pay_twice(town: Town, first: str, gap: float, *, late: bool) -> UUID:
    """Ask for Razorpay, then for Stripe, and pay both, before the order expires or after; return the order's id."""
    buyer, key = town.crowd.customers[0], f"{first}-{gap}-{late}"
    items = [{"product_id": town.crowd.products[0]["id"], "quantity": 1}]
    order = await payable(buyer, "/orders", key, {"items": items, "payment": payment(RAZORPAY)})
    again = await payable(buyer, f"/orders/{order['id']}/pay", f"pay-{key}", payment(INTENT))
    if late:
        await town.rows("orders", "UPDATE orders SET due_at = now() WHERE id = $1", UUID(order["id"]))
        await shown(buyer, order, lambda seen: seen["status"] == "expired")
    tills = Tills(town.http, town.where.sandbox)
    both = {"razorpay": order["payment"], "stripe": again["payment"]}
    for provider in sorted(both, key=lambda each: each != first):
        state, _ = await tills.pay(both[provider], "good")
        assert state == "succeeded", (provider, state)
        await asyncio.sleep(gap if provider == first else 0)
    return UUID((await shown(buyer, order, lambda seen: seen["status"] == "fulfilled"))["id"])


async def test_of_two_providers_that_both_succeed_one_is_kept_and_the_other_goes_back_once(town: Town) -> None:
    """In both orders, nought to ten seconds apart, before and after the order has expired."""
    cases = list(product(("razorpay", "stripe"), (0.0, 1.0, 10.0), (False, True)))
    async with town.dial.misbehaving(CLOSES_NOTHING):
        paid = await asyncio.gather(*(pay_twice(town, first, gap, late=late) for first, gap, late in cases))
        assert await town.offences() == []
    for order, case in zip(paid, cases, strict=True):
        captured = await town.rows("payments", "SELECT status FROM captures WHERE order_id = $1 ORDER BY 1", order)
        back = await town.rows("payments", "SELECT status, reason, amount FROM refunds WHERE order_id = $1", order)
        mails = await town.rows(
            "notifier", "SELECT template FROM notifications WHERE context->>'order_id' = $1 ORDER BY 1", str(order)
        )
        kept = await town.rows("orders", "SELECT status, payment_status, refunded FROM orders WHERE id = $1", order)
        assert captured == [("accepted",), ("surplus",)], case
        assert back == [("succeeded", "surplus", 2599)], case
        assert mails == [("order_paid",), ("paid_twice",)], case
        assert kept == [("fulfilled", "succeeded", 0)], case


async def test_the_books_end_alike_whatever_becomes_of_the_webhooks(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same purchases with all of them, with none, with five of each in any order, and with all ten minutes late."""
    monkeypatch.setattr(visits, "_LOOKS", 0.3)
    differences, lines = await Again(town.crowd, town.dial, town.databases, PACE).differences(7)
    assert differences == []
    assert lines > 60
    assert await town.offences() == []
    outcomes = town.crowd.ledger.outcomes()
    assert not [outcome for outcome in outcomes if outcome.startswith(("gave up", "refused", "paid both"))], outcomes


async def test_books_that_end_otherwise_are_told_apart(town: Town) -> None:
    plan = next(iter(plans_of(7, town.crowd, 30).values()))
    bought = [await town.crowd.buy(plan), await town.crowd.buy(Plan(plan.customer, plan.items, "walks away"))]
    assert [purchase.outcome for purchase in bought] == ["fulfilled", "walked away"]
    await drain(town.databases, town.dial, 3)
    paid, unpaid = [await read(town.databases, {purchase.key: "it"}) for purchase in bought]
    assert any("order_paid" in line for line in paid["it"])
    assert compared(paid, paid) == []
    assert compared(paid, unpaid)[0].startswith("it: ")
    assert compared(paid, {})[0].startswith("it:  instead of ")
    assert next(weather.name for weather in weathers(PACE)) == "clean"
