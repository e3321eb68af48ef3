"""One customer's visit: an order placed, paid in one way or several, called off or given back, to whatever end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from souk.hurt.customers import Customer, GaveUp, Refused
from souk.hurt.ledger import KEY, Purchase
from souk.hurt.plans import OPEN_FOR_EVER, Json, Plan, payment
from souk.hurt.tills import Card, State, Tills

SETTLED: Final = frozenset({"paid", "fulfilled", "rejected", "expired", "cancelled", "refunded"})
PAID: Final = frozenset({"paid", "fulfilled"})
_LOOKS, _LONGEST_LOOK, _SLOWER = 0.4, 4.0, 1.6
# Nobody knows in which order two clicks were answered, but it can only have been this one.
_ON_THE_WAY: Final = ("pending", "awaiting_payment", "closing")
_BRINGS_WITHIN: Final = 20.0
_CONFLICT: Final = 409
_KEPT: Final = ("id", "status", "total")


class Visit:
    """A plan carried out."""

    def __init__(self, plan: Plan, purchase: Purchase, tills: Tills, operator: Customer) -> None:
        self._plan, self._purchase = plan, purchase
        self._tills, self._operator = tills, operator

    async def carry_out(self) -> str:
        """Return how it ended; raises GaveUp and Refused."""
        began, deed = time.monotonic(), self._plan.deed
        order = await self.place(2 if deed == "clicks twice" else 1)
        self._purchase.placed_in = time.monotonic() - began
        if not _payable(order):
            order = await self._look(_payable)
        if order["status"] in SETTLED:
            return str(order["status"])
        await asyncio.sleep(self._plan.thinks)
        return await self._deed()(order)

    async def place(self, clicks: int = 1) -> Json:
        """Place the order, as often as it takes; some click more than once."""
        answers = await asyncio.gather(*(self._post() for _ in range(clicks)))
        for order in sorted(answers, key=_progress):
            self._purchase.remember(order)
        return answers[-1]

    def _deed(self) -> Callable[[Json], Awaitable[str]]:
        deeds: Mapping[str, Callable[[Json], Awaitable[str]]] = {
            "walks away": self._walks_away,
            "loses": self._loses,
            "switches": self._switches,
            "pays both": self._pays_both,
            "pays late": self._pays_late,
            "cancels": self._cancels,
            "gets it back": self._gets_it_back,
        }
        return deeds.get(self._plan.deed, self._pays)

    async def _post(self) -> Json:
        plan, key = self._plan, self._purchase.key
        body = {"items": plan.items, "payment": payment(plan.way), "metadata": {KEY: key}}
        headers = {"Idempotency-Key": key, "Prefer": f"wait={plan.waits}"}
        return await plan.customer.persist("POST", "/orders", json=body, headers=headers)

    async def _pays(self, order: Json) -> str:
        paying = time.monotonic()
        if self._plan.deed == "declined first":
            await self._try(order, "bad")
        await self._try(order)
        seen = await self._look_until_settled()
        if seen["status"] not in PAID:
            return str(seen["status"])
        self._purchase.paid_in = time.monotonic() - paying
        return await self._ship() if self._plan.ships else str(seen["status"])

    async def _walks_away(self, _order: Json) -> str:
        return "walked away"

    async def _loses(self, order: Json) -> str:
        await self._try(order)  # who closes the page and never looks back is not forgotten either
        return "never looked"

    async def _switches(self, order: Json) -> str:
        await self._try(order, "bad")
        again = await self._by_another_way()
        if again is not None:
            await self._try(again)
        return f"{(await self._look_until_settled())['status']} by another way"

    async def _pays_both(self, order: Json) -> str:
        again = await self._by_another_way()
        both = [order, again] if self._plan.brings_back else [again, order]
        states = []
        for each in filter(None, both):
            states.append(await self._try(each))
            await asyncio.sleep(self._plan.gap)
        await self._look_until_settled()
        return "paid twice" if states == ["succeeded"] * 2 else "paid both"

    async def _pays_late(self, order: Json) -> str:
        await self._look_until_settled()
        await asyncio.sleep(self._plan.gap)
        await self._try(order)
        return "paid late"

    async def _cancels(self, order: Json) -> str:
        if await self._ask("cancel", {}) is None:
            return "could not cancel"
        seen = await self._look_until_settled()
        if self._plan.way == OPEN_FOR_EVER and self._plan.brings_back:
            await self._try(order)
        return str(seen["status"])

    async def _gets_it_back(self, order: Json) -> str:
        await self._try(order)
        seen = await self._look_until_settled()
        if seen["status"] not in PAID:
            return str(seen["status"])
        id_, headers = seen["id"], {"Idempotency-Key": f"refund-{self._purchase.key}"}
        body = {"reason": "it is not what he wanted"}
        self._purchase.remember(
            await self._operator.persist("POST", f"/orders/{id_}/refunds", json=body, headers=headers)
        )
        self._purchase.given_back = True
        seen = await self._look(lambda looked: looked["status"] == "refunded")
        return str(seen["status"])

    async def _try(self, order: Json, card: Card = "good") -> State:
        """Pay with a card, as often as it takes to know what came of it."""
        state, handed_back = await self._tills.pay(order["payment"], card)
        self._purchase.captured |= state == "succeeded"
        if handed_back and self._plan.brings_back:
            headers = {"Prefer": "wait=5"}
            told = await self._plan.customer.persist(
                "POST", "/payments/verify", json=handed_back, headers=headers, patience=_BRINGS_WITHIN
            )
            self._purchase.payments[told["id"]] = told["status"]
        return state

    async def _by_another_way(self) -> Json | None:
        """Ask for another attempt; None where there is none to be had any more."""
        other = payment(self._plan.other)
        if await self._ask("pay", other) is None:
            return None

        def so(seen: Json) -> bool:
            shown = seen["payment"] or {}
            return _payable(seen) and {name: shown.get(name) for name in other} == other

        try:
            seen = await self._look(so, _BRINGS_WITHIN)
        except GaveUp:  # the attempt before may have been paid after all, or is never known to be closed
            return None
        return None if seen["status"] in SETTLED else seen

    async def _ask(self, what: str, body: Json) -> Json | None:
        """Ask the shop for something that may come too late; None where it is refused for that."""
        id_ = self._purchase.answers[-1]["id"]
        headers = {"Idempotency-Key": f"{what}-{self._purchase.key}", "Prefer": f"wait={self._plan.waits}"}
        try:
            order = await self._plan.customer.persist(
                "POST", f"/orders/{id_}/{what}", headers=headers, json=body or None
            )
        except Refused as refused:
            if refused.status != _CONFLICT:
                raise
            return None
        self._purchase.remember(order)
        return order

    async def _ship(self) -> str:
        id_, headers = self._purchase.answers[-1]["id"], {"Idempotency-Key": f"ship-{self._purchase.key}"}
        order = await self._operator.persist("POST", f"/orders/{id_}/ship", json={}, headers=headers)
        self._purchase.shipped = True
        self._purchase.remember(order)
        return "shipped"

    async def _look_until_settled(self) -> Json:
        return await self._look(lambda seen: seen["status"] in SETTLED)

    async def _look(self, so: Callable[[Json], bool], within: float | None = None) -> Json:
        end, pause = time.monotonic() + (within or self._plan.patience), _LOOKS
        order: Any = self._purchase.answers[-1]
        while time.monotonic() < end:
            order = await self._plan.customer.persist("GET", f"/orders/{order['id']}")
            self._purchase.remember({name: order[name] for name in _KEPT})
            if so(order):
                return dict(order)
            await asyncio.sleep(pause)
            pause = min(pause * _SLOWER, _LONGEST_LOOK)
        raise GaveUp("looking at the order")


def _progress(order: Json) -> int:
    status = order["status"]
    return _ON_THE_WAY.index(status) if status in _ON_THE_WAY else len(_ON_THE_WAY)


def _payable(order: Json) -> bool:
    shown = order.get("payment") or {}
    return order["status"] in SETTLED or any(shown.get(name) for name in ("client_secret", "checkout_url", "razorpay"))
