"""A crowd that buys: who comes has a seeded plan, and all that is said to him is remembered in the ledger."""

import asyncio
import random
import time
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

import httpx2

from souk.hurt.customers import Customer, GaveUp, Refused, until
from souk.hurt.ledger import Json, Ledger, Purchase
from souk.hurt.plans import Plan, draw
from souk.hurt.tills import Tills
from souk.hurt.visits import PAID, Visit

ACCOUNTS: Final = 12
_JOINS, _RETURNS = 0.05, 0.1
_PASSWORD: Final = "one-of-the-crowd"  # noqa: S105 - an account that lives for minutes


@dataclass(frozen=True, slots=True)
class Rush:
    """How people come: so many a second, whoever is inside already, unless there is no room for more.

    `thinking` is how long they think, as a part of what they would take with time on their hands.
    """

    rate: float = 15.0
    room: int = 64
    thinking: float = 1.0


class Crowd:
    """The workload. It arrives while it is `open`; who has come finishes.

    `visits` are the purchases of who came in by himself, `turned_away` counts those without room.
    """

    def __init__(
        self, http: httpx2.AsyncClient, shop: tuple[str, str], operator: tuple[str, str], dice: random.Random
    ) -> None:
        self._http, (self._base, sandbox) = http, shop
        self._tills, self._dice = Tills(http, sandbox), dice
        self.rush, self.turned_away = Rush(), 0
        self.visits: list[Purchase] = []
        self._operator = Customer(http, self._base, *operator)
        self.ledger = Ledger()
        self.customers: list[Customer] = []
        self.products: list[Json] = []
        self._open = asyncio.Event()
        self._inside: set[asyncio.Task[None]] = set()
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """How many purchases are under way."""
        return self._in_flight

    async def prepare(self, seller: Customer) -> None:
        """Make the accounts and what they buy."""
        await self._operator.sign_in()
        for number in range(ACCOUNTS):
            self.customers.append(await self._newcomer(f"buyer{number}"))
            await self.customers[-1].sign_in()
        for name, kind, amount, stock in (
            ("Picture", "digital", 2599, None),
            ("Second picture", "digital", 4900, None),
            ("Mug", "physical", 1600, 1_000_000),
            ("Sold out", "physical", 900, 0),
        ):
            price = {"amount": amount, "currency": "USD"}
            body: dict[str, Any] = {"kind": kind, "name": name, "price": price, "stock": stock}
            self.products.append(await sell(seller, body))

    async def arrive(self) -> None:
        """Let customers come while the doors are open and there is room; some of them make an account or log in."""
        at = time.monotonic()
        while True:
            if not self._open.is_set():
                await self._open.wait()
                at = time.monotonic()
            at += self._dice.expovariate(self.rush.rate)
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            if self.in_flight >= self.rush.room:
                self.turned_away += 1
                continue
            plan, whim = draw(self._dice, self.customers, self.products), self._dice.random()
            self.visits.append(purchase := self.purchase_of(plan.customer))
            self._enter(self._carry_out(replace(plan, thinks=plan.thinks * self.rush.thinking), purchase))
            if whim < _JOINS:
                self._enter(_patiently(self._join()))
            elif whim < _JOINS + _RETURNS:
                self._enter(_patiently(plan.customer.sign_in()))

    def open(self) -> None:
        """Let customers come."""
        self._open.set()

    async def at_least(self, count: int, seconds: float = 40) -> int:
        """Wait until so many purchases are under way; return how many are."""
        await until(lambda: self.in_flight >= count, seconds)
        return self.in_flight

    def close(self) -> None:
        """Let nobody in any more."""
        self._open.clear()

    async def empty(self) -> None:
        """Close the doors and wait until everybody has left."""
        self.close()
        while self._inside:
            await asyncio.wait(set(self._inside))

    async def probe(self) -> float:
        """Buy one thing without hesitation; return after how many seconds it was paid."""
        began = time.monotonic()
        customer = self.customers[0]
        plan = Plan(customer, [{"product_id": self.products[0]["id"], "quantity": 1}], "pays", waits=5)
        purchase = await self.buy(plan)
        if purchase.status not in PAID:
            raise GaveUp(f"the first purchase afterwards ended as {purchase.outcome}")
        return time.monotonic() - began

    async def all_return(self) -> list[str]:
        """Let everybody who ever made an account log in; return who cannot."""
        places, locked_out = asyncio.Semaphore(8), []

        async def log_in(customer: Customer) -> None:
            async with places:
                try:
                    await customer.sign_in()
                except (GaveUp, Refused) as error:
                    locked_out.append(f"{customer.email} has an account and cannot log in: {error}")

        await asyncio.gather(*map(log_in, self.ledger.accounts))
        return locked_out

    def purchase_of(self, customer: Customer, key: str | None = None) -> Purchase:
        """Begin an entry in the ledger."""
        purchase = Purchase(key or f"p-{uuid4()}", customer.id)
        self.ledger.purchases.append(purchase)
        return purchase

    def _enter(self, visit: Any) -> None:  # noqa: ANN401 - a coroutine, whatever it returns
        task = asyncio.create_task(visit)
        self._inside.add(task)
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._inside.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.ledger.lies.append(f"a customer met {error!r}")

    async def _newcomer(self, name: str) -> Customer:
        customer = Customer(self._http, self._base, f"{name}@crowd.souk.test", _PASSWORD)
        await customer.register(name)
        self.ledger.accounts.append(customer)
        return customer

    async def _join(self) -> None:
        await (await self._newcomer(f"visitor-{uuid4()}")).sign_in()

    async def buy(self, plan: Plan, key: str | None = None) -> Purchase:
        """Carry out a plan, to whatever end."""
        return await self._carry_out(plan, self.purchase_of(plan.customer, key))

    async def _carry_out(self, plan: Plan, purchase: Purchase) -> Purchase:
        self._in_flight += 1
        try:
            purchase.outcome = await self.visit(plan, purchase).carry_out()
        except GaveUp:
            purchase.outcome = "gave up"
        except Refused as refused:
            purchase.outcome = f"refused: {refused.code}"
            if purchase.answers:
                self.ledger.lies.append(f"{purchase.key} was told {purchase.status}, then {refused}")
        finally:
            self._in_flight -= 1
        return purchase

    def visit(self, plan: Plan, purchase: Purchase) -> Visit:
        """Let somebody in who has this plan."""
        return Visit(plan, purchase, self._tills, self._operator)


async def sell(seller: Customer, product: Json) -> Json:
    """Put up a product."""
    return await seller.persist("POST", "/products", json=product, headers={"Idempotency-Key": str(uuid4())})


async def _patiently(work: Any) -> None:  # noqa: ANN401 - a coroutine, whatever it returns
    try:
        await work
    except GaveUp:
        return
