"""The facts each service tells, one module per producer. Frozen: a field may be added if optional, nothing else changes."""

from common.contracts import auth, catalog, notifier, orders, payments
from common.events import Event

PRODUCERS = {"auth": auth, "catalog": catalog, "notifier": notifier, "orders": orders, "payments": payments}


def facts(producer: str) -> list[type[Event]]:
    """Return a producer's event types, in the order of their wire names."""
    found = [value for value in vars(PRODUCERS[producer]).values() if isinstance(value, type) and issubclass(value, Event)]
    return sorted((fact for fact in found if fact.wire), key=lambda fact: fact.wire)
