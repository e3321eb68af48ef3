"""Answers that lie: another amount, another currency, another order."""

from typing import Any

from sandbox.provider import JsonObject

_AMOUNTS = ("amount", "amount_received", "amount_captured", "amount_paid", "amount_total", "amount_subtotal")
_LABELS = ("metadata", "notes")


def tampered(body: JsonObject, variant: str) -> JsonObject:
    """A copy of an answer in which every object with an amount is false in the way `variant` names."""
    return {name: _inside(value, variant) for name, value in _lie(body, variant).items()}


def _inside(value: Any, variant: str) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, dict):
        return tampered(value, variant)
    if isinstance(value, list):
        return [_inside(item, variant) for item in value]
    return value


def _lie(thing: JsonObject, variant: str) -> JsonObject:
    if "currency" not in thing or not ("amount" in thing or "amount_total" in thing):
        return thing
    lie = dict(thing)
    if variant in {"all", "amount"}:
        lie |= {name: thing[name] + 1 for name in _AMOUNTS if isinstance(thing.get(name), int)}
    if variant in {"all", "currency"}:
        other = "eur" if thing["currency"].lower() != "eur" else "usd"
        lie["currency"] = other.upper() if thing["currency"].isupper() else other
    if variant == "metadata":
        lie |= {name: _relabelled(thing[name]) for name in _LABELS if isinstance(thing.get(name), dict)}
    return lie


def _relabelled(labels: JsonObject) -> JsonObject:
    return {name: f"{text}-other" for name, text in labels.items()}
