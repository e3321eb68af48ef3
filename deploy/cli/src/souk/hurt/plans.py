"""What a customer may set out to do, drawn by the seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from souk.hurt.customers import PATIENCE, Customer

Json = dict[str, Any]
INTENT, CHECKOUT, RAZORPAY = "stripe:intent", "stripe:checkout", "razorpay:checkout"
WAYS: Final = (INTENT, CHECKOUT, RAZORPAY)
# The one that stays open when an order wants nothing of it any more.
OPEN_FOR_EVER: Final = RAZORPAY
DEEDS: Final[Mapping[str, int]] = {
    "pays": 45,
    "declined first": 8,
    "switches": 9,
    "pays both": 6,
    "pays late": 5,
    "cancels": 6,
    "gets it back": 6,
    "clicks twice": 4,
    "walks away": 5,
    "wants too much": 3,
    "loses": 3,
}
_SHIPPED, _BRINGS_HAND_BACK = 0.6, 0.5
_LONGEST_GAP: Final = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a customer is going to do, all of it decided by the seed.

    `way` is how he means to pay, `other` how else; `gap` is the pause between two payments, `ships` has the operator
    send a parcel, and `brings_back` has the browser bring what Razorpay handed it. `patience` is for how
    many seconds he looks at his order.
    """

    customer: Customer
    items: Sequence[Json]
    deed: str
    thinks: float = 0
    waits: int = 0
    ships: bool = False
    way: str = INTENT
    other: str = RAZORPAY
    gap: float = 0
    brings_back: bool = False
    patience: float = PATIENCE


def draw(dice: random.Random, customers: Sequence[Customer], products: Sequence[Mapping[str, Any]]) -> Plan:
    """Draw a plan; the last product is sold out, the one before is sent by post."""
    deed = dice.choices(list(DEEDS), list(DEEDS.values()))[0]
    *sold, post, gone = products
    wanted = [gone] if deed == "wants too much" else dice.sample([*sold, post], dice.choice((1, 1, 2)))
    way = dice.choice(WAYS)
    if deed in {"pays both", "pays late"} or (deed == "cancels" and dice.random() < _BRINGS_HAND_BACK):
        way = OPEN_FOR_EVER
    return Plan(
        customer=dice.choice(customers),
        items=[{"product_id": product["id"], "quantity": dice.randint(1, 3)} for product in wanted],
        deed=deed,
        thinks=dice.uniform(4, 9),
        waits=dice.choice((0, 2, 5)),
        ships=post in wanted and dice.random() < _SHIPPED,
        way=way,
        other=dice.choice([other for other in WAYS if other != way]),
        gap=dice.uniform(0, _LONGEST_GAP),
        brings_back=dice.random() < _BRINGS_HAND_BACK,
    )


def payment(way: str) -> Json:
    """Return how it is asked for."""
    provider, _, flow = way.partition(":")
    return {"provider": provider, "flow": flow}
