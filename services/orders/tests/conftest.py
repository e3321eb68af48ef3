"""Orders on its own, and the words to drive it: a shop with products, a buyer, and the facts of the other services."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from common.contracts.catalog import DeliveryGranted, ProductCreated, StockRejected, StockReserved
from common.contracts.payments import PaymentOpened, PaymentSucceeded, RefundSucceeded
from common.db import fetch
from common.events import new_id
from common.migrations import migrate
from common.money import Money
from common.testing import OneService, bearer, one_service, seal_for
from orders.main import MIGRATIONS, build

Make = Callable[..., Awaitable[str]]
Json = dict[str, Any]


class Shop:
    """The orders service with one buyer."""

    def __init__(self, one: OneService) -> None:
        self.one, self.buyer, self.clerk = one, uuid4(), uuid4()

    async def product(self, amount: int = 2599, currency: str = "USD", **changes: object) -> UUID:
        """Let orders hear of a product and return its id."""
        fields: Json = {
            "product_id": new_id(),
            "version_number": 1,
            "kind": "digital",
            "name": "Dunes at dawn",
            "price": Money(amount, currency),
            "active": True,
            "seller_id": uuid4(),
            "images": ["https://images.test/dunes.jpg"],
        }
        fact = ProductCreated.model_validate({**fields, **changes})
        await self.one.hear(fact)
        return fact.product_id

    def wish(self, *items: tuple[UUID, int], **extra: object) -> Json:
        """Return the body of an order."""
        lines = [{"product_id": str(product_id), "quantity": quantity} for product_id, quantity in items]
        return {"items": lines, "payment": {"provider": "stripe", "flow": "intent"}, **extra}

    async def post(self, body: Json, *, key: str | None = None, user: UUID | None = None, wait: int = 0) -> Any:
        """Place an order and return the response."""
        headers = {**bearer(user or self.buyer), "Idempotency-Key": key or str(uuid4()), "Prefer": f"wait={wait}"}
        return await self.one.client.post("/orders", json=body, headers=headers)

    async def place(self, *items: tuple[UUID, int], **extra: object) -> Json:
        """Place an order that must be accepted."""
        answer = await self.post(self.wish(*items or ((await self.product(), 1),), **extra))
        assert answer.status_code == 201, answer.text
        order: Json = answer.json()
        return order

    async def show(self, order: Json, *roles: str) -> Json:
        """Return the order as its buyer sees it, or a member of the staff."""
        headers = bearer(uuid4(), *roles) if roles else bearer(self.buyer)
        answer = await self.one.client.get(f"/orders/{order['id']}", headers=headers)
        assert answer.status_code == 200, answer.text
        shown: Json = answer.json()
        return shown

    async def reserve(self, order: Json) -> None:
        """Catalog has set the stock aside."""
        await self.one.hear(StockReserved(order_id=UUID(order["id"])))

    async def refuse(self, order: Json, reason: str = "out_of_stock") -> None:
        """Catalog has no stock."""
        await self.one.hear(StockRejected(order_id=UUID(order["id"]), reason=reason))

    def opened(self, order: Json, **changes: object) -> PaymentOpened:
        """Payments has opened the first attempt."""
        fields: Json = {
            "payment_id": payment_id(order),
            "order_id": UUID(order["id"]),
            "attempt": 1,
            "provider": "stripe",
            "flow": "intent",
            "amount": order["total"],
            "provider_ref": "pi_1",
            "client_secret": seal_for("orders", "pi_1_secret_2"),
        }
        return PaymentOpened.model_validate({**fields, **changes})

    def captured(self, order: Json, **changes: object) -> PaymentSucceeded:
        """The order's money is captured."""
        fields: Json = {
            "payment_id": payment_id(order),
            "order_id": UUID(order["id"]),
            "attempt": 1,
            "provider": "stripe",
            "amount": order["total"],
            "capture_ref": "ch_1",
            "captured_at": datetime.now(UTC),
        }
        return PaymentSucceeded.model_validate({**fields, **changes})

    def of(self, order: Json, attempt: int = 1) -> Json:
        """Return what every fact of a payment attempt names."""
        return {"payment_id": payment_id(order, attempt), "order_id": UUID(order["id"]), "attempt": attempt}

    def payment_id(self, order: Json, attempt: int = 1) -> UUID:
        """Return the payment that belongs to an attempt."""
        return payment_id(order, attempt)

    def opened_at_razorpay(self, order: Json, attempt: int) -> PaymentOpened:
        """Payments has opened an attempt at Razorpay."""
        block = {"order_id": f"order_{attempt}", "key_id": "rzp_test_1", "amount": 2599, "currency": "USD"}
        way = {"provider": "razorpay", "flow": "checkout", "provider_ref": block["order_id"], "client_secret": None}
        return self.opened(order, **self.of(order, attempt), **way, razorpay=block)

    async def awaiting(self, *items: tuple[UUID, int]) -> Json:
        """Return an order whose first attempt is open."""
        order = await self.place(*items)
        await self.reserve(order)
        await self.one.hear(self.opened(order))
        return order

    async def until_told(self, wire: str, count: int) -> None:
        """Wait until the service has said this so often."""
        while len(await self.one.told(wire)) < count:
            await asyncio.sleep(0.02)

    async def ask(self, order: Json, what: str, body: Json | None = None, **asked: Any) -> Any:
        """Post to one of an order's routes and return the response: its buyer, unless other `headers` are given."""
        headers = {"Idempotency-Key": asked.get("key") or str(uuid4()), "Prefer": f"wait={asked.get('wait', 0)}"}
        headers |= asked.get("headers") or bearer(self.buyer)
        return await self.one.client.post(f"/orders/{order['id']}/{what}", json=body, headers=headers)

    async def pay(self, order: Json, way: Json, **asked: Any) -> Any:
        """Try to pay again and return the response."""
        return await self.ask(order, "pay", way, **asked)

    def given_back(self, order: Json, refund_id: UUID | None = None, **changes: object) -> RefundSucceeded:
        """The order's money went back."""
        fields: Json = {
            "refund_id": refund_id or uuid4(),
            "payment_id": payment_id(order),
            "order_id": order["id"],
            "amount": order["total"],
            "reason": "out_of_stock",
        }
        return RefundSucceeded.model_validate({**fields, **changes})

    def granted(self, order: Json, line: int = 0) -> DeliveryGranted:
        """Catalog lets the buyer download a line."""
        item = order["items"][line]
        return DeliveryGranted(
            order_id=order["id"],
            line_id=item["id"],
            product_id=item["product_id"],
            user_id=self.buyer,
            grant_id=new_id(),
        )

    async def paid(self, *items: tuple[UUID, int]) -> Json:
        """Return an order that has been paid."""
        order = await self.place(*items)
        await self.reserve(order)
        await self.one.hear(self.opened(order), self.captured(order))
        return order

    async def let_time_pass(self, order: Json, days: int = 1) -> None:
        """Pretend that the order's time is up, and let the clock's door open."""
        async with self.one.database.transaction() as session:
            sql = "UPDATE orders SET due_at = due_at - make_interval(days => $2) WHERE id = $1"
            await fetch(session, sql, UUID(order["id"]), days)
        await self.one.work_loops("expiry")

    async def status(self, order: Json) -> tuple[str, str]:
        """Return where the order and its money stand."""
        shown = await self.show(order)
        return shown["status"], shown["payment_status"]


def payment_id(order: Json, attempt: int = 1) -> UUID:
    """Return the payment that belongs to an order's attempt in these tests."""
    return UUID(int=UUID(order["id"]).int ^ attempt)


@pytest_asyncio.fixture
async def shop(make_database: Make) -> AsyncIterator[Shop]:
    """The orders service over a fresh database."""
    url = await make_database("orders", template="orders", prepare=partial(migrate, folder=MIGRATIONS))
    one = await one_service(build, MIGRATIONS, url)
    yield Shop(one)
    await one.close()
