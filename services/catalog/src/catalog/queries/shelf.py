"""Finding products: filters, full-text search, sorts and where a page begins."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg

from catalog.domain import ProductStatus
from catalog.queries.products import COLUMNS, JOINS
from common.db import Source, fetch

# An id, and what the page was sorted by before it.
Position = tuple[UUID, str | int | float | None]


class Sort(StrEnum):
    """In which order; a leading hyphen turns it round."""

    NEWEST = "newest"
    OLDEST = "oldest"
    CHEAPEST = "price"
    DEAREST = "-price"
    NAME = "name"
    NAME_BACKWARDS = "-name"
    RELEVANCE = "relevance"


# What a page is sorted by before the id, its type, and whether it falls.
_KEYS: Final[dict[Sort, tuple[str, str, bool]]] = {
    Sort.NEWEST: ("", "", True),
    Sort.OLDEST: ("", "", False),
    Sort.CHEAPEST: ("l.amount", "bigint", False),
    Sort.DEAREST: ("l.amount", "bigint", True),
    Sort.NAME: ("p.sort_name", "text", False),
    Sort.NAME_BACKWARDS: ("p.sort_name", "text", True),
    Sort.RELEVANCE: ("ts_rank(p.search, to_tsquery('simple', {query}))", "real", True),
}
_LEAVES: Final = "SELECT id FROM categories WHERE path = {0} OR starts_with(path, {0} || '/')"
_IN_STOCK: Final = """
EXISTS (SELECT FROM variants i LEFT JOIN stock j ON j.variant_id = i.id
    WHERE i.product_id = p.id AND i.active AND (j.variant_id IS NULL OR j.on_hand > j.reserved))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Which products to list, and how; what is None or empty does not narrow the list.

    `words` are folded, and the last of them may be the beginning of one. Prices are of `currency`.
    """

    status: ProductStatus | None = ProductStatus.ACTIVE
    kind: str | None = None
    category: str | None = None
    tag: str | None = None
    seller_id: UUID | None = None
    words: tuple[str, ...] = ()
    currency: str | None = None
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    sort: Sort = Sort.NEWEST


class _Statement:
    """A statement in the making: its conditions and arguments."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.arguments: list[object] = []

    def place(self, value: object) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def where(self, condition: str, value: object) -> None:
        """Add a condition with the argument's place in it as `{0}`, unless the value is None."""
        if value is not None:
            self.conditions.append(condition.format(self.place(value)))


async def list_products(source: Source, shelf: Shelf, after: Position | None, limit: int) -> list[asyncpg.Record]:
    """Return up to `limit + 1` products as they stand, each with its sort `key`."""
    sql, arguments = write_page(shelf, after, limit)
    return await fetch(source, sql, *arguments)


def write_page(shelf: Shelf, after: Position | None, limit: int) -> tuple[str, list[object]]:
    """Return the statement for a page with its arguments: first which products, then all there is to show of them."""
    statement = _Statement()
    _narrow(statement, shelf)
    key, kind, falls = _KEYS[shelf.sort]
    if shelf.words:
        query = statement.place(" & ".join([*shelf.words[:-1], f"{shelf.words[-1]}:*"]))
        statement.conditions.append(f"p.search @@ to_tsquery('simple', {query})")
        key = key.format(query=query)
    if after is not None:
        _begin(statement, key, kind, "<" if falls else ">", after)
    direction = "DESC" if falls else "ASC"
    order = f"{{0}}.key {direction}, {{0}}.id {direction}" if key else f"{{0}}.id {direction}"
    join = _listed(statement, shelf)
    where = " AND ".join(statement.conditions) or "true"
    inner = order.replace("{0}.key", "key").format("p")
    sql = f"""
        {COLUMNS}, f.key FROM (
            SELECT p.id, {key or "NULL"} AS key FROM products p {join} WHERE {where}
            ORDER BY {inner} LIMIT {limit + 1:d}
        ) f JOIN products p USING (id) {JOINS} ORDER BY {order.format("f")}
    """  # noqa: S608 - nothing of the reader's is in it: values are arguments
    return sql, statement.arguments


def _narrow(statement: _Statement, shelf: Shelf) -> None:
    # The status is a literal, so that the planner sees which indexes hold only what is sold.
    if shelf.status is not None:
        statement.conditions.append(f"p.status = '{shelf.status}'")
    statement.where("p.kind = {0}", shelf.kind)
    statement.where(f"p.category_id IN ({_LEAVES})", shelf.category)
    statement.where("p.tags @> ARRAY[{0}::text]", shelf.tag)
    statement.where("p.seller_id = {0}", shelf.seller_id)
    if shelf.in_stock:
        statement.conditions.append(_IN_STOCK)


def _listed(statement: _Statement, shelf: Shelf) -> str:
    if shelf.currency is None:
        return ""
    place = statement.place(shelf.currency)
    statement.where("l.amount >= {0}", shelf.price_min)
    statement.where("l.amount <= {0}", shelf.price_max)
    return f"JOIN listed_prices l ON l.product_id = p.id AND l.currency = {place}"


def _begin(statement: _Statement, key: str, kind: str, test: str, after: Position) -> None:
    """Begin after a position."""
    last, value = after
    id_ = statement.place(last)
    if key:
        statement.conditions.append(f"({key}, p.id) {test} ({statement.place(value)}::{kind}, {id_}::uuid)")
    else:
        statement.conditions.append(f"p.id {test} {id_}")
