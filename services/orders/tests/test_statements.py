"""What placing an order costs the database: a few statements and one commit, however many lines it has."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

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
    words = Counter(statement.split()[0].rstrip(";") for statement in seen)
    ends = {word: words.pop(word) for word in ("BEGIN", "COMMIT", "ROLLBACK") if word in words}
    assert ends == {"BEGIN": 1, "COMMIT": 1}
    assert words.total() <= 6, seen
