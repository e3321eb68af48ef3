"""Every fault, with its number in the list of cases."""

from souk.hurt.faults import broker, crowds, databases, deaths, deliveries, operations, poison, providers, weathers
from souk.hurt.faults.plan import FAULTS

__all__ = [
    "FAULTS",
    "broker",
    "crowds",
    "databases",
    "deaths",
    "deliveries",
    "operations",
    "poison",
    "providers",
    "weathers",
]
