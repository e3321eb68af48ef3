"""Money that comes after an order's end: orders and catalog, each behind its doors, and only facts between them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from catalog import main as catalog
from common.broker import Delivery
from common.contracts.payments import PaymentSucceeded, RefundSucceeded
from common.db import fetch
from common.events import Envelope, with_sequence
from common.migrations import migrate
from common.testing import OneService, bearer, one_service
from orders import main as orders

Json = dict[str, Any]
MakeDatabase = Callable[..., Awaitable[str]]


class Shop:
    """The two services and their buyer; `settle` carries what each tells to the other until nothing is new."""

    def __init__(self, one: OneService, other: OneService) -> None:
        self.orders, self.catalog, self.buyer, self.seller = one, other, uuid4(), uuid4()

    async def settle(self) -> None:
        """Deliver every fact to its hearer: the same ones again and again, for that must not matter."""
        before = -1
        while before != (before := await self._told()):
            for here, there in ((self.orders, self.catalog), (self.catalog, self.orders)):
                for body in await self.bodies(here):
                    if Envelope.parse(body).type in there.service.events.types:
                        await there.inbox.take([Delivery(with_sequence(body, 1), redelivered=False)])
                await there.work_waiting()

    async def _told(self) -> int:
        return len(await self.orders.told()) + len(await self.catalog.told())

    @staticmethod
    async def bodies(one: OneService) -> list[bytes]:
        """Return all that a service has told, as it was told."""
        async with one.database.reading() as session:
            return [row["body"] for row in await fetch(session, "SELECT body FROM outbox ORDER BY id")]

    async def product(self, stock: int | None, kind: str = "physical") -> str:
        """Put a product on sale and return its id."""
        price = {"amount": 1000, "currency": "USD"}
        body = {"kind": kind, "name": "A mug", "price": price, "stock": stock}
        made = await self.catalog.client.post("/products", json=body, headers=bearer(self.seller, "seller"))
        await self.settle()
        return str(made.json()["id"])

    async def place(self, product_id: str, quantity: int = 1) -> Json:
        """Order it, and let the services talk."""
        headers = {**bearer(self.buyer), "Idempotency-Key": str(uuid4()), "Prefer": "wait=0"}
        items = [{"product_id": product_id, "quantity": quantity}]
        body = {"items": items, "payment": {"provider": "stripe", "flow": "intent"}}
        order: Json = (await self.orders.client.post("/orders", json=body, headers=headers)).json()
        await self.settle()
        return order

    async def show(self, order: Json) -> tuple[str, str]:
        """Return where the order and its money stand."""
        shown = (await self.orders.client.get(f"/orders/{order['id']}", headers=bearer(self.buyer))).json()
        return shown["status"], shown["payment_status"]

    async def free(self, product_id: str) -> int:
        """Return how many are free now."""
        shown = await self.catalog.client.get(f"/products/{product_id}", headers=bearer(self.seller, "seller"))
        return int(shown.json()["stock"])

    async def expire(self, order: Json) -> None:
        """Let its time be up, and its provider be away for so long that it expires anyway."""
        for _ in range(2):
            async with self.orders.database.transaction() as session:
                sql = "UPDATE orders SET due_at = now() WHERE id = $1 AND due_at IS NOT NULL"
                await fetch(session, sql, UUID(order["id"]))
            await self.orders.work_loops("expiry")
        await self.settle()

    async def cancel(self, order: Json) -> None:
        """Call it off, and let its provider be away as well."""
        path = f"/orders/{order['id']}/cancel"
        await self.orders.client.post(path, headers={**bearer(self.buyer), "Prefer": "wait=0"})
        await self.expire(order)

    async def capture(self, order: Json) -> None:
        """The money comes."""
        fact = {
            "payment_id": UUID(order["id"]),
            "order_id": order["id"],
            "attempt": 1,
            "provider": "stripe",
            "amount": order["total"],
            "capture_ref": "pi_1",
            "captured_at": datetime.now(UTC),
        }
        await self.orders.hear(PaymentSucceeded.model_validate(fact))
        await self.settle()

    async def give_back(self, order: Json) -> None:
        """The one refund that was asked for is made."""
        (asked,) = await self.orders.told("order.refund_requested")
        fact = {**asked.data, "payment_id": order["id"]}
        await self.orders.hear(RefundSucceeded.model_validate(fact))
        await self.settle()


@pytest_asyncio.fixture
async def shop(make_database: MakeDatabase) -> AsyncIterator[Shop]:
    """Both services over databases of their own."""
    made = []
    for module, name in ((orders, "orders"), (catalog, "catalog")):
        url = await make_database(name, template=name, prepare=partial(migrate, folder=module.MIGRATIONS))
        made.append(await one_service(module.build, module.MIGRATIONS, url))
    yield Shop(*made)
    for one in made:
        await one.close()


async def test_late_money_buys_for_an_expired_order_what_is_still_there(shop: Shop) -> None:
    mug = await shop.product(stock=2)
    order = await shop.place(mug, 2)
    assert (await shop.show(order), await shop.free(mug)) == (("awaiting_payment", "pending"), 0)
    await shop.expire(order)
    assert (await shop.show(order), await shop.free(mug)) == (("expired", "pending"), 2)
    await shop.capture(order)
    assert (await shop.show(order), await shop.free(mug)) == (("paid", "succeeded"), 0)
    assert await shop.orders.told("order.refund_requested") == []


async def test_late_money_delivers_what_is_never_sold_out(shop: Shop) -> None:
    order = await shop.place(await shop.product(stock=None, kind="digital"))
    await shop.expire(order)
    await shop.capture(order)
    assert await shop.show(order) == ("fulfilled", "succeeded")


async def test_late_money_goes_back_when_another_has_bought_meanwhile(shop: Shop) -> None:
    mug = await shop.product(stock=2)
    late = await shop.place(mug, 2)
    await shop.expire(late)
    await shop.place(mug, 1)
    await shop.capture(late)
    assert await shop.show(late) == ("paid", "succeeded")
    await shop.give_back(late)
    assert (await shop.show(late), await shop.free(mug)) == (("refunded", "refunded"), 1)


async def test_late_money_for_a_cancelled_order_goes_back_and_touches_no_stock(shop: Shop) -> None:
    mug = await shop.product(stock=2)
    order = await shop.place(mug, 2)
    await shop.cancel(order)
    assert ((await shop.show(order))[0], await shop.free(mug)) == ("cancelled", 2)
    await shop.capture(order)
    (asked,) = await shop.orders.told("order.refund_requested")
    assert asked.data["reason"] == "paid_after_end"
    await shop.give_back(order)
    assert (await shop.show(order), await shop.free(mug)) == (("cancelled", "refunded"), 2)


@pytest.mark.parametrize("heard_first", ["order.created", "order.cancelled"])
async def test_a_pending_order_that_is_cancelled_keeps_no_stock_whatever_is_heard_first(
    shop: Shop, heard_first: str
) -> None:
    mug = await shop.product(stock=1)
    headers = {**bearer(shop.buyer), "Idempotency-Key": "k", "Prefer": "wait=0"}
    body = {"items": [{"product_id": mug, "quantity": 1}], "payment": {"provider": "stripe", "flow": "intent"}}
    order = (await shop.orders.client.post("/orders", json=body, headers=headers)).json()
    await shop.orders.client.post(f"/orders/{order['id']}/cancel", headers={**bearer(shop.buyer), "Prefer": "wait=0"})
    bodies = {Envelope.parse(body).type: body for body in await shop.bodies(shop.orders)}
    await shop.catalog.inbox.take([Delivery(with_sequence(bodies[heard_first], 1), redelivered=False)])
    await shop.settle()
    assert (await shop.show(order), await shop.free(mug)) == (("cancelled", "none"), 1)
    assert await shop.catalog.inbox_rows("waiting") == []
