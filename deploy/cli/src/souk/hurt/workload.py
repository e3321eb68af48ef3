"""A crowd that buys: always as many as the shop holds, each with a seeded plan, all of it remembered in the ledger."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx2

from souk.hurt.customers import Card, Customer, GaveUp, Refused, until
from souk.hurt.ledger import KEY, Json, Ledger, Purchase

ACCOUNTS: Final = 12
MOST: Final = 64
_RATE: Final = 15.0
_JOINS, _RETURNS, _SHIPPED = 0.05, 0.1, 0.6
_PASSWORD: Final = "one-of-the-crowd"  # noqa: S105 - an account that lives for minutes
_SETTLED: Final = frozenset({"paid", "fulfilled", "rejected", "expired", "cancelled", "refunded"})
PAID: Final = frozenset({"paid", "fulfilled"})
_METHODS: Final = {"pays": ("pm_card_visa",), "declined first": ("pm_card_chargeDeclined", "pm_card_visa")}
_PLANS: Final = {"pays": 74, "declined first": 8, "clicks twice": 6, "walks away": 6, "wants too much": 3, "loses": 3}
_LOOKS: Final = 1.5
_SETTLES_WITHIN: Final = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a customer is going to do, all of it decided by the seed; `ships` has the operator send a parcel."""

    customer: Customer
    items: Sequence[Json]
    deed: str
    thinks: float = 0
    waits: int = 0
    ships: bool = False


class Crowd:
    """The workload. It arrives while it is `open`; who has come finishes."""

    def __init__(
        self, http: httpx2.AsyncClient, shop: tuple[str, str], operator: tuple[str, str], dice: random.Random
    ) -> None:
        self._http, (self._base, stripe) = http, shop
        self._card, self._dice = Card(stripe), dice
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
        while True:
            await self._open.wait()
            await asyncio.sleep(self._dice.expovariate(_RATE))
            if self.in_flight >= MOST:
                continue
            plan, whim = self._plan(), self._dice.random()
            self._enter(self.buy(plan))
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

    async def empty(self) -> None:
        """Close the doors and wait until everybody has left."""
        self._open.clear()
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

    async def pay(self, purchase: Purchase, order: Json, methods: Sequence[str] = ("pm_card_visa",)) -> None:
        """Pay with one card after the other."""
        for method in methods:
            state = "unknown"
            for _ in range(4):
                state = await self._card.pay(order["payment"]["client_secret"], method)
                if state != "unknown":
                    break
                await asyncio.sleep(0.5)
            purchase.captured |= state == "succeeded"

    def _enter(self, visit: Any) -> None:  # noqa: ANN401 - a coroutine, whatever it returns
        task = asyncio.create_task(visit)
        self._inside.add(task)
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._inside.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.ledger.lies.append(f"a customer met {error!r}")

    def _plan(self) -> Plan:
        dice = self._dice
        deed = dice.choices(list(_PLANS), list(_PLANS.values()))[0]
        wanted = (
            [self.products[3]] if deed == "wants too much" else dice.sample(self.products[:3], dice.choice((1, 1, 2)))
        )
        items = [{"product_id": product["id"], "quantity": dice.randint(1, 3)} for product in wanted]
        ships = self.products[2] in wanted and dice.random() < _SHIPPED
        return Plan(dice.choice(self.customers), items, deed, dice.uniform(4, 9), dice.choice((0, 2, 5)), ships)

    async def _newcomer(self, name: str) -> Customer:
        customer = Customer(self._http, self._base, f"{name}@crowd.souk.test", _PASSWORD)
        await customer.register(name)
        self.ledger.accounts.append(customer)
        return customer

    async def _join(self) -> None:
        await (await self._newcomer(f"visitor-{uuid4()}")).sign_in()

    async def buy(self, plan: Plan) -> Purchase:
        """Carry out a plan, to whatever end."""
        purchase = self.purchase_of(plan.customer)
        self._in_flight += 1
        try:
            purchase.outcome = await self._carry_out(plan, purchase)
        except GaveUp:
            purchase.outcome = "gave up"
        except Refused as refused:
            purchase.outcome = f"refused: {refused.code}"
            if purchase.answers:
                self.ledger.lies.append(f"{purchase.key} was told {purchase.status}, then {refused}")
        finally:
            self._in_flight -= 1
        return purchase

    async def _carry_out(self, plan: Plan, purchase: Purchase) -> str:
        began = time.monotonic()
        order = await self.place(purchase, plan, 2 if plan.deed == "clicks twice" else 1)
        purchase.placed_in = time.monotonic() - began
        order = await self._until_payable(plan, purchase, order)
        if order["status"] in _SETTLED:
            return str(order["status"])
        await asyncio.sleep(plan.thinks)
        if plan.deed == "walks away":
            return "walked away"
        paying = time.monotonic()
        await self.pay(purchase, order, _METHODS.get(plan.deed, ("pm_card_visa",)))
        if plan.deed == "loses":  # who closes the page and never looks back is not forgotten either
            return "never looked"
        order = await self._look(plan, purchase, lambda seen: seen["status"] in _SETTLED)
        if order["status"] not in PAID:
            return str(order["status"])
        purchase.paid_in = time.monotonic() - paying
        return await self._ship(purchase) if plan.ships else str(order["status"])

    async def _ship(self, purchase: Purchase) -> str:
        id_, headers = purchase.answers[-1]["id"], {"Idempotency-Key": f"ship-{purchase.key}"}
        order = await self._operator.persist("POST", f"/orders/{id_}/ship", json={}, headers=headers)
        purchase.shipped = True
        purchase.remember(order)
        return "shipped"

    async def place(self, purchase: Purchase, plan: Plan, clicks: int = 1) -> Json:
        """Place the order, as often as it takes; some click more than once."""
        answers = await asyncio.gather(*(self._post(purchase, plan) for _ in range(clicks)))
        # Nobody knows in which order they were answered, but it begins with this.
        for order in sorted(answers, key=lambda answer: answer["status"] != "pending"):
            purchase.remember(order)
        return answers[-1]

    async def _post(self, purchase: Purchase, plan: Plan) -> Json:
        body = {
            "items": plan.items,
            "payment": {"provider": "stripe", "flow": "intent"},
            "metadata": {KEY: purchase.key},
        }
        headers = {"Idempotency-Key": purchase.key, "Prefer": f"wait={plan.waits}"}
        return await plan.customer.persist("POST", "/orders", json=body, headers=headers)

    async def _until_payable(self, plan: Plan, purchase: Purchase, order: Json) -> Json:
        if _payable(order):
            return order
        return await self._look(plan, purchase, _payable)

    async def _look(self, plan: Plan, purchase: Purchase, so: Any) -> Json:  # noqa: ANN401 - a predicate
        end = time.monotonic() + _SETTLES_WITHIN
        order: Json = purchase.answers[-1]
        while time.monotonic() < end:
            order = await plan.customer.persist("GET", f"/orders/{order['id']}")
            purchase.remember({name: order[name] for name in ("id", "status", "total")})
            if so(order):
                return order
            await asyncio.sleep(_LOOKS)
        raise GaveUp("looking at the order")


def _payable(order: Json) -> bool:
    payment = order.get("payment") or {}
    return order["status"] in _SETTLED or bool(payment.get("client_secret"))


async def sell(seller: Customer, product: Json) -> Json:
    """Put up a product."""
    return await seller.persist("POST", "/products", json=product, headers={"Idempotency-Key": str(uuid4())})


async def _patiently(work: Any) -> None:  # noqa: ANN401 - a coroutine, whatever it returns
    try:
        await work
    except GaveUp:
        return
