"""The same purchases made again while webhooks fare otherwise: what is in the books at the end must be equal."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from common.db import plain_dsn
from souk.hurt.customers import PATIENCE
from souk.hurt.dial import Dial, Json
from souk.hurt.drain import drain
from souk.hurt.plans import OPEN_FOR_EVER, WAYS, Plan
from souk.hurt.workload import Crowd

TEN_MINUTES: Final = 600.0
_COPIES, _SHUFFLED_OVER = 5, 3.0
# Each of them once by each way to pay that it has, with whatever else the plan needs.
_ANY_WAY: Final = ("pays", "declined first", "switches", "gets it back")
_ONE_WAY: Final = ("pays both", "pays late", "cancels", "walks away", "wants too much")
_UNPAID: Final = frozenset({"pays late", "walks away"})
_HURRIES: Final = 0.5
_TIME_IS_UP: Final = """
UPDATE orders SET due_at = now() WHERE status = 'awaiting_payment' AND payment_state = 'open'
    AND metadata->>'purchase' = ANY($1::text[]) RETURNING id
"""
_ORDERS: Final = """
SELECT o.metadata->>'purchase' AS key, o.id, o.status, o.payment_status, o.total, o.refunded FROM orders o
WHERE o.metadata->>'purchase' = ANY($1::text[])
"""
# What belongs to orders, one line of text each.
_BELONGING: Final[Mapping[str, Sequence[str]]] = {
    "payments": (
        """SELECT order_id, 'captured: ' || status || ' ' || amount || ' ' || currency AS words FROM captures
        WHERE order_id = ANY($1::uuid[])""",
        """SELECT order_id, 'goes back: ' || status || ' ' || amount || ' ' || currency || ', ' || reason AS words
        FROM refunds WHERE order_id = ANY($1::uuid[])""",
    ),
    "catalog": (
        "SELECT order_id, 'granted: ' || status AS words FROM grants WHERE order_id = ANY($1::uuid[])",
        "SELECT order_id, 'stock: ' || status AS words FROM holdings WHERE order_id = ANY($1::uuid[])",
    ),
    # Whether a declined try is mailed depends on whether it is heard of before its order is paid: as it should.
    "notifier": (
        """SELECT (context->>'order_id')::uuid AS order_id, 'mailed: ' || template || ' ' || status AS words
        FROM notifications WHERE template <> 'payment_failed' AND (context->>'order_id')::uuid = ANY($1::uuid[])""",
    ),
}
Books = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Weather:
    """How webhooks fare during one run."""

    name: str
    rules: tuple[Json, ...] = field(default=())


def weathers(pace: float) -> tuple[Weather, ...]:
    """Return the four: clean, none at all, five times in any order, ten minutes late as the pace counts minutes."""
    hook = {"target": "webhook"}
    return (
        Weather("clean"),
        Weather("dropped", ({**hook, "mode": "drop"},)),
        Weather(
            "five times, shuffled",
            (
                {**hook, "mode": "duplicate", "times": _COPIES},
                {**hook, "mode": "reorder", "delay": _SHUFFLED_OVER},
            ),
        ),
        Weather("ten minutes late", ({**hook, "mode": "delay", "delay": TEN_MINUTES / pace},)),
    )


@dataclass(frozen=True, slots=True)
class Again:
    """Who buys, where, and how fast time goes there."""

    crowd: Crowd
    dial: Dial
    databases: Mapping[str, str]
    pace: float

    async def differences(self, seed: int) -> tuple[list[str], int]:
        """Make the purchases of a seed in each weather; return what is other than in the first, and how many lines."""
        found, first = list[str](), dict[str, Sequence[str]]()
        for weather in weathers(self.pace):
            books = await self._run(seed, weather)
            found += [f"{weather.name}: {sentence}" for sentence in books.pop("", ())]
            first = first or books
            found += [f"{weather.name}: {sentence}" for sentence in compared(first, books)]
        return found, sum(map(len, first.values()))

    async def _run(self, seed: int, weather: Weather) -> dict[str, Sequence[str]]:
        plans = plans_of(seed, self.crowd, PATIENCE * max(1.0, 20 / self.pace))
        names = {f"{uuid4()}": name for name in plans}
        late = [key for key, name in names.items() if plans[name].deed in _UNPAID]
        async with self._weather(weather):
            hurrying = asyncio.create_task(self._let_expire(late))
            await asyncio.gather(*(self.crowd.buy(plans[name], key) for key, name in names.items()))
            moving = await drain(self.databases, self.dial, 2 * TEN_MINUTES / self.pace + PATIENCE)
            hurrying.cancel()
        return await read(self.databases, names) | {"": [f"still moving: {words}" for words in moving]}

    async def _let_expire(self, keys: Sequence[str]) -> None:
        """Let the time of these be up as soon as they can be paid: the others need not hurry for them."""
        while True:
            await _rows(self.databases["orders"], _TIME_IS_UP, keys)
            await asyncio.sleep(_HURRIES)

    @asynccontextmanager
    async def _weather(self, weather: Weather) -> AsyncIterator[None]:
        if not weather.rules:
            yield
            return
        async with self.dial.misbehaving(*weather.rules):
            yield
        if not min(self.dial.by_provider.values()):
            message = f"no webhook was {weather.name}"
            raise AssertionError(message)


def plans_of(seed: int, crowd: Crowd, patience: float) -> dict[str, Plan]:
    """Return the purchases of a seed by name: every deed, and those that may be paid in any way by each of them."""
    dice = random.Random(seed)  # noqa: S311 - these dice must be repeatable, not secret
    *sold, post, gone = crowd.products
    other, plans = cycle(WAYS[1:] + WAYS[:1]), dict[str, Plan]()
    for deed in (*_ANY_WAY, *_ONE_WAY):
        for way in WAYS if deed in _ANY_WAY else (OPEN_FOR_EVER,):
            product = gone if deed == "wants too much" else dice.choice([*sold, post])
            another = next(each for each in other if each != way)
            plan = Plan(
                customer=dice.choice(crowd.customers),
                items=[{"product_id": product["id"], "quantity": dice.randint(1, 3)}],
                deed=deed,
                way=way,
                other=another,
                waits=5,
                brings_back=dice.random() < 0.5,  # noqa: PLR2004 - one in two
                patience=patience,
            )
            plans[f"{deed} by {way}"] = replace(plan, brings_back=False) if deed == "cancels" else plan
    return plans


async def read(databases: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """Return what the books say of these purchases, given by key, one sorted list of lines for each name."""
    orders = await _rows(databases["orders"], _ORDERS, list(names))
    lines: dict[str, list[str]] = {name: [] for name in names.values()}
    places: dict[UUID, str] = {}
    for order in orders:
        name = places[order["id"]] = names[order["key"]]
        lines[name].append(
            f"order: {order['status']}, money {order['payment_status']}, {order['refunded']} of {order['total']} back"
        )
    for service, queries in _BELONGING.items():
        for sql in queries:
            for row in await _rows(databases[service], sql, list(places)):
                lines[places[row["order_id"]]].append(row["words"])
    return {name: sorted(each) for name, each in lines.items()}


def compared(first: Books, books: Books) -> list[str]:
    """Return a sentence for each purchase of which the books say otherwise."""
    return [
        f"{name}: {'; '.join(books.get(name, ()))} instead of {'; '.join(lines)}"
        for name, lines in first.items()
        if list(books.get(name, ())) != list(lines)
    ]


async def _rows(url: str, sql: str, *args: object) -> Sequence[Mapping[str, Any]]:
    connection = await asyncpg.connect(plain_dsn(url), timeout=10)
    try:
        found: Sequence[Mapping[str, Any]] = await connection.fetch(sql, *args)
        return found
    finally:
        await connection.close()
