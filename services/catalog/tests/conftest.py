"""Catalog on its own, and the orders it hears of."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import event

from catalog.main import MIGRATIONS, build
from common.contracts.orders import (
    Line,
    OrderCancelled,
    OrderCreated,
    OrderExpired,
    OrderPaid,
    OrderRefunded,
    OrderRejected,
)
from common.db import fetch, now
from common.events import new_id
from common.migrations import migrate
from common.money import Money
from common.testing import bearer, one_service

USD = "USD"


class Shop:
    """A seller with a catalogue, and buyers' orders as facts."""

    def __init__(self, one):
        self.one, self.client, self.seller = one, one.client, new_id()

    @property
    def headers(self):
        return bearer(self.seller, "seller")

    async def product(self, stock=None, kind="physical", amount=1000, currency=USD, **more):
        body = {
            "kind": kind,
            "name": "A mug",
            "price": {"amount": amount, "currency": currency},
            "stock": stock,
            **more,
        }
        answer = await self.client.post("/products", json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def show(self, product):
        return (await self.client.get(f"/products/{product['id']}", headers=self.headers)).json()

    async def until_time(self, moment):
        """Wait until a moment has come."""
        await asyncio.sleep(max(0, (moment - now()).total_seconds()) + 0.02)

    async def sql(self, sql, *args):
        async with self.one.database.reading() as session:
            return [dict(row) for row in await fetch(session, sql, *args)]

    async def told(self, *types):
        return [(envelope.type, envelope.data) for envelope in await self.one.told(*types)]

    async def check_books(self):
        """Every invariant of stock and deliveries, as an operator would check it."""
        wrong = {
            "reserved is what active reservations hold": """
                SELECT s.variant_id FROM stock s LEFT JOIN reservations r
                ON r.variant_id = s.variant_id AND r.status = 'active' AND r.counted
                GROUP BY s.variant_id, s.reserved HAVING s.reserved <> coalesce(sum(r.quantity), 0)""",
            "the journal adds up": """
                SELECT s.variant_id FROM stock s LEFT JOIN stock_entries e USING (variant_id)
                GROUP BY s.variant_id, s.on_hand HAVING s.on_hand <> coalesce(sum(e.delta), 0)""",
            "sales are in the journal": """
                SELECT r.order_id FROM reservations r FULL JOIN
                (SELECT * FROM stock_entries WHERE order_id IS NOT NULL) e
                ON e.order_id = r.order_id AND e.variant_id = r.variant_id
                WHERE (r.counted AND r.status = 'sold') IS DISTINCT FROM (e.delta = -r.quantity AND e.id IS NOT NULL)
                AND (r.status = 'sold' OR e.id IS NOT NULL) AND r.counted IS NOT FALSE""",
            "no more was sold than received": """
                SELECT s.variant_id FROM stock s JOIN stock_entries e USING (variant_id) GROUP BY 1
                HAVING -coalesce(sum(e.delta) FILTER (WHERE e.order_id IS NOT NULL), 0)
                    > coalesce(sum(e.delta) FILTER (WHERE e.order_id IS NULL), 0)""",
            "reservations follow their holding": """
                SELECT r.order_id FROM reservations r JOIN holdings h USING (order_id)
                WHERE r.status <> h.status AND NOT (h.status = 'refused' AND r.status = 'released')""",
            "every announced change has its event": """
                SELECT t.id FROM (SELECT * FROM holding_transitions UNION ALL SELECT * FROM grant_transitions
                    UNION ALL SELECT * FROM product_transitions) t
                LEFT JOIN outbox o ON o.id = t.event_id
                WHERE o.type IS DISTINCT FROM t.event_type OR (t.event_type IS NULL AND t.to_status <> 'sold')""",
            "every event of stock and delivery has its change": """
                SELECT o.id FROM outbox o LEFT JOIN (SELECT event_id FROM holding_transitions
                    UNION ALL SELECT event_id FROM grant_transitions) t ON t.event_id = o.id
                WHERE (o.type LIKE 'stock.re%' OR o.type IN ('delivery.granted', 'delivery.revoked'))
                AND t.event_id IS NULL""",
        }
        for rule, sql in wrong.items():
            assert await self.sql(sql) == [], rule


async def migrated(url):
    await migrate(url, MIGRATIONS)


@pytest_asyncio.fixture
async def shop(make_database):
    """A shop of the test's own."""
    one = await one_service(build, MIGRATIONS, await make_database("catalog", template="catalog", prepare=migrated))
    yield Shop(one)
    await one.close()


@pytest_asyncio.fixture(scope="module")
async def shared_service(databases):
    """One catalog for the tests of a module that do not mind each other's products."""
    one = await one_service(build, MIGRATIONS, await databases.create("catalog", template="catalog", prepare=migrated))
    yield one
    await one.close()


@pytest.fixture
def stall(shared_service):
    """A seller of the test's own in the shared catalog."""
    return Shop(shared_service)


class Order:
    """An order of these products, as orders tells of it."""

    def __init__(self, *wishes, created_at=None, price=None, total_currency=USD):
        self.id, self.user, self.created_at = new_id(), new_id(), created_at or now()
        self.lines = [self._line(product, quantity, price) for product, quantity in wishes]
        self.total = Money(sum(line.quantity * line.unit_price.amount for line in self.lines), total_currency)

    def _line(self, product, quantity, price):
        unit_price = price or Money(product["price"]["amount"], product["price"]["currency"])
        return Line(
            line_id=new_id(),
            product_id=product["id"],
            kind=product["kind"],
            name=product["name"],
            quantity=quantity,
            unit_price=unit_price,
            variant_id=product.get("variant_id"),
        )

    @property
    def _who(self):
        return {"order_id": self.id, "number": "S-1", "user_id": self.user}

    def created(self):
        times = {"created_at": self.created_at, "expires_at": self.created_at + timedelta(minutes=30)}
        return OrderCreated(**self._who, lines=self.lines, total=self.total, **times)

    def paid(self):
        return OrderPaid(**self._who, payment_id=new_id(), lines=self.lines, total=self.total)

    def expired(self):
        return OrderExpired(**self._who)

    def cancelled(self):
        return OrderCancelled(**self._who, reason="buyer")

    def rejected(self):
        return OrderRejected(**self._who, reason="out_of_stock")

    def refunded(self, *lines, whole=False):
        ids = [line.line_id for line in lines]
        return OrderRefunded(
            **self._who,
            refund_id=new_id(),
            amount=self.total,
            total_refunded=self.total,
            whole=whole,
            reason="x",
            lines=ids,
        )


@pytest.fixture
def order():
    return Order


@asynccontextmanager
async def counted_statements(one):
    """Count what the service sends to its database, through SQLAlchemy and past it."""
    engine, seen, through = one.database.engine, [], set()

    def listen(adapter, *_):
        adapter.driver_connection.add_query_logger(note)

    def note(record):
        if record.query not in through and not record.query.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            seen.append(record.query)

    def note_statement(_, __, statement, *___):
        through.add(statement)
        seen.append(statement)

    await engine.dispose()
    event.listen(engine.sync_engine, "connect", listen)
    event.listen(engine.sync_engine, "before_cursor_execute", note_statement)
    yield seen
    event.remove(engine.sync_engine, "connect", listen)
    event.remove(engine.sync_engine, "before_cursor_execute", note_statement)
    await engine.dispose()


@pytest.fixture
def counted():
    return counted_statements
