"""What requests cost the database: a few statements and one commit, however many lines or attempts an order has."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from common.contracts.payments import PaymentCancelled
from common.testing import bearer

Shop = Any  # conftest.Shop, which cannot be imported from here


@contextmanager
def statements(shop: Shop) -> Iterator[list[str]]:
    """The statements sent meanwhile: SQLAlchemy has the driver prepare its own, and the driver tells of the others."""
    seen: list[str] = []
    engine = shop.one.database.engine.sync_engine

    def listen(connection: Any, *_: object) -> None:
        connection.driver_connection.add_query_logger(lambda sent: seen.append(sent.query))

    def note(_connection: object, _cursor: object, statement: str, *rest: Any) -> None:
        if not rest[-1]:  # the driver tells of what is sent for many rows at once
            seen.append(statement)

    event.listen(engine, "checkout", listen)
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "checkout", listen)
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("lines", [1, 20])
async def test_placing_an_order_takes_six_statements_and_one_commit(shop: Shop, lines: int) -> None:
    products = [await shop.product() for _ in range(lines)]
    await shop.place()  # the driver asks each connection once about types
    with statements(shop) as seen:
        order = await shop.place(*((product, 1) for product in products))
    assert len(order["items"]) == lines
    assert written(seen) <= 6, seen


@pytest.mark.parametrize("lines", [1, 20])
async def test_paying_again_cancelling_and_refunding_take_six_statements_and_one_commit(shop: Shop, lines: int) -> None:
    products = [(await shop.product(), 1) for _ in range(lines)]
    orders = [await shop.awaiting(*products) for _ in range(3)]
    await shop.one.hear(shop.captured(orders[2]))
    clerk = bearer(uuid4(), "support")
    for order, what, body, headers in (
        (orders[0], "pay", {"provider": "razorpay", "flow": "checkout"}, None),
        (orders[1], "cancel", None, None),
        (orders[2], "refunds", {"reason": "x"}, clerk),
    ):
        with statements(shop) as seen:
            answer = await shop.ask(order, what, body, headers=headers)
        assert answer.is_success
        assert written(seen) <= 6, (what, seen)


@pytest.mark.parametrize("lines", [1, 20])
async def test_the_fact_of_a_payment_takes_seven_statements_and_one_commit(shop: Shop, lines: int) -> None:
    products = [(await shop.product(), 1) for _ in range(lines)]
    orders = [await shop.awaiting(*products) for _ in range(2)]
    await shop.one.hear(shop.captured(orders[0]))
    with statements(shop) as seen:
        await shop.one.hear(shop.captured(orders[1]))
    assert await shop.status(orders[1]) == ("paid", "succeeded")
    assert written(seen) <= 7, seen


@pytest.mark.parametrize("group_by", ["day", "product", None])
async def test_adding_up_sales_takes_one_statement(shop: Shop, group_by: str | None) -> None:
    seller = uuid4()
    for _ in range(3):
        await shop.paid(*[(await shop.product(seller_id=seller), 1) for _ in range(3)])
    await shop.one.client.get("/sales", headers=bearer(seller, "seller"))
    asked = {"group_by": group_by} if group_by else {}
    with statements(shop) as seen:
        answer = await shop.one.client.get("/sales", params=asked, headers=bearer(seller, "seller"))
    assert sum(row["orders"] for row in answer.json()["items"]) == (3 if group_by == "day" else 9)
    assert len(seen) == 1, seen


async def test_reading_takes_two_statements_however_many_attempts_there_were(shop: Shop) -> None:
    orders = [await shop.awaiting() for _ in range(3)]
    for order in orders:
        for attempt in (2, 3):
            await shop.pay(order, {"provider": "razorpay", "flow": "checkout"})
            before = PaymentCancelled(**shop.of(order, attempt - 1), reason="superseded")
            await shop.one.hear(before, shop.opened_at_razorpay(order, attempt))
    for path in ("/orders", f"/orders/{orders[0]['id']}"):
        with statements(shop) as seen:
            answer = await shop.one.client.get(path, headers=bearer(shop.buyer))
        shown = answer.json()
        assert (shown["items"][0] if path == "/orders" else shown)["payment"]["attempt"] == 3
        assert len(seen) == 2, seen


def written(seen: list[str]) -> int:
    """Return how many statements there were in one transaction, its begin and commit left out."""
    words = Counter(statement.split()[0].rstrip(";") for statement in seen)
    ends = {word: words.pop(word) for word in ("BEGIN", "COMMIT", "ROLLBACK") if word in words}
    assert ends == {"BEGIN": 1, "COMMIT": 1}
    return words.total()
