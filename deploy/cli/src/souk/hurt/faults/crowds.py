"""Many at once: the same click a hundred times, and five hundred who want seven things."""

import asyncio
import time
from typing import Final
from uuid import uuid4

from souk.hurt.faults.plan import Blow, fault
from souk.hurt.plans import Plan
from souk.hurt.stage import NotAsPlanned, Stage
from souk.hurt.visits import PAID
from souk.hurt.workload import sell

_CLICKS: Final = 100
_TABS: Final = 10
_BUYERS: Final = 500
_PIECES: Final = 7
_PAYERS: Final = 4  # the others of the seven let it expire
_GONE_WITHIN: Final = 60.0
_SOLD: Final = """
SELECT count(*) FILTER (WHERE o.status IN ('paid', 'fulfilled')) AS paid, count(*) AS taken
FROM orders o JOIN order_lines l ON l.order_id = o.id
WHERE l.product_id = $1 AND o.status IN ('awaiting_payment', 'closing', 'paid', 'fulfilled')
"""


@fault("F48", "One order is sent a hundred times at once with one key, and its cart ten times with ten keys.")
async def clicked_often(stage: Stage) -> Blow:
    """F48: one key is one order, ten keys are ten."""
    crowd = stage.crowd
    plan = Plan(crowd.customers[1], [{"product_id": crowd.products[0]["id"], "quantity": 1}], "walks away")
    purchase = crowd.purchase_of(plan.customer)
    stage.count_in_flight()
    await crowd.visit(plan, purchase).place(_CLICKS)
    if len(made := {answer["id"] for answer in purchase.answers}) != 1:
        raise NotAsPlanned(f"one key made {len(made)} orders")
    others = [crowd.purchase_of(plan.customer) for _ in range(_TABS)]
    carts = await asyncio.gather(*(crowd.visit(plan, other).place() for other in others))
    if len({cart["id"] for cart in carts}) != _TABS:
        raise NotAsPlanned("two keys made one order")
    for placed in (purchase, *others):
        placed.outcome = "walked away"
    return Blow(len(purchase.answers) + len(carts), f"{len(purchase.answers)} clicks, {len(carts)} tabs")


@fault("F49", "Five hundred want one of seven things; of the seven some pay and some let it expire.", lasts=150)
async def stock_race(stage: Stage) -> Blow:
    """F49: whoever lets it expire gives it back, and in the end seven have paid, no more and no fewer."""
    return await race(stage, _GONE_WITHIN)


async def race(stage: Stage, within: float) -> Blow:
    """Let five hundred buy at once; so many seconds after they have left, all seven have to be gone."""
    price = {"amount": 18900, "currency": "USD"}
    body = {"kind": "physical", "name": f"Print {uuid4()}", "price": price, "stock": _PIECES}
    product = await sell(stage.seller, body)
    items = [{"product_id": product["id"], "quantity": 1}]
    buyers = [stage.crowd.customers[number % len(stage.crowd.customers)] for number in range(_BUYERS)]
    deeds = ["pays" if number % _PIECES < _PAYERS else "walks away" for number in range(_BUYERS)]
    plans = [Plan(buyer, items, deed) for buyer, deed in zip(buyers, deeds, strict=True)]
    stage.count_in_flight()
    bought = await asyncio.gather(*(stage.crowd.buy(plan) for plan in plans))
    answered = sum(bool(purchase.answers) for purchase in bought)
    late = await _sell_out(stage, product["id"], Plan(buyers[0], items, "pays"), within)
    return Blow(answered, f"{answered} orders, {_PIECES} of {_PIECES} sold, {late} of them late")


async def _sell_out(stage: Stage, product_id: str, latecomer: Plan, within: float) -> int:
    """Let latecomers buy what others gave back, until exactly seven are sold; return how many they bought."""
    late, end = 0, time.monotonic() + within
    while True:
        sold = (await stage.sql("orders", _SOLD, product_id))[0]
        if sold["paid"] == sold["taken"] == _PIECES:
            return late
        if sold["taken"] > _PIECES or time.monotonic() > end:
            raise NotAsPlanned(f"{sold['taken']} of {_PIECES} are taken and {sold['paid']} paid")
        bought = await asyncio.gather(*(stage.crowd.buy(latecomer) for _ in range(_PIECES - sold["taken"])))
        late += sum(purchase.status in PAID for purchase in bought)
        await asyncio.sleep(1)
