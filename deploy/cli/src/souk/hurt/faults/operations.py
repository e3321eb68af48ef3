"""Each operation of each provider in turn does what it is asked and then says nothing of it, or nonsense."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage

# What payments and the buyers ask of the providers all day, and what is asked for only after something else went wrong.
_DAILY: Final = {
    "stripe": (
        "payment_intents.create",
        "payment_intents.retrieve",
        "payment_intents.confirm",
        "payment_intents.cancel",
        "checkout.sessions.create",
        "checkout.sessions.retrieve",
        "checkout.sessions.expire",
        "checkout.page.pay",
        "refunds.create",
        "events.list",
    ),
    "razorpay": (
        "orders.create",
        "orders.list",
        "orders.fetch",
        "orders.payments",
        "payments.refund",
        "payments.refunds",
        "payments.list",
        "refunds.list",
        "checkout.pay",
    ),
}
_SELDOM: Final = {
    "stripe": ("payment_intents.list", "checkout.sessions.list", "refunds.list", "refunds.retrieve"),
    "razorpay": ("refunds.fetch",),
}
_TROUBLE: Final = (
    {"mode": "commit_then_hang"},
    {"mode": "commit_then_error", "variant": "error"},
    {"mode": "commit_then_error", "variant": "reset"},
    {"mode": "commit_then_error", "variant": "truncate"},
    {"mode": "commit_then_error", "variant": "html"},
)
_EVERY_THIRD: Final = 1 / 3
_SPELL: Final = 14.0
_LONGER: Final = 5  # spells more for what was not called when it would have been in trouble


@fault(
    "every-operation",
    "Every third call of each operation of both providers is carried out, and then hangs, fails, resets, is cut off, or"
    " is answered in HTML; payments runs as two api and two worker processes.",
    lasts=220,
)
async def every_operation(stage: Stage) -> Blow:
    """Each operation has each kind of trouble once, all of them at the same time, and each another kind."""
    hits: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        for role in ("api", "worker"):
            await stack.enter_async_context(stage.another("payments", role))
        for turn in range(len(_TROUBLE)):
            hits.update(await _spell(stage, rules(turn)))
        for turn in range(_LONGER):
            if missed := [rule for rule in rules(turn) if _daily(rule) and not hits[_name(rule)]]:
                # One at a time: what is listed second is only called when the first list was good.
                hits.update(await _spell(stage, [missed[0] | {"share": 1}]))
    if never := [_name(rule) for rule in rules(0) if _daily(rule) and not hits[_name(rule)]]:
        raise NotAsPlanned(f"never called while it was in trouble: {', '.join(never)}")
    return Blow(sum(hits.values()), ", ".join(f"{hits[name]}× {name}" for name in sorted(hits) if hits[name]))


async def _spell(stage: Stage, asked: list[dict[str, Any]]) -> Mapping[str, int]:
    async with stage.dial.misbehaving(*asked):
        await asyncio.sleep(_SPELL)
        stage.count_in_flight()
    return stage.dial.by_operation


def _name(rule: dict[str, Any]) -> str:
    return f"{rule['provider']} {rule['operation']}"


def _daily(rule: dict[str, Any]) -> bool:
    return rule["operation"] in _DAILY[rule["provider"]]


def rules(turn: int) -> list[dict[str, Any]]:
    """Return one rule per operation; in each of five turns each operation has another kind of trouble."""
    both = [(provider, name) for listed in (_DAILY, _SELDOM) for provider, names in listed.items() for name in names]
    return [
        {
            "provider": provider,
            "operation": name,
            "share": _EVERY_THIRD,
            "seed": turn,
            **_TROUBLE[(place + turn) % len(_TROUBLE)],
        }
        for place, (provider, name) in enumerate(both)
    ]
