"""Every fault, with its number in the list of cases."""

from souk.hurt.faults import (
    alarms,
    broker,
    crowds,
    databases,
    deaths,
    deliveries,
    frozen,
    operations,
    poison,
    providers,
    restarts,
    sessions,
    weathers,
)
from souk.hurt.faults.plan import FAULTS

__all__ = [
    "FAULTS",
    "alarms",
    "broker",
    "crowds",
    "databases",
    "deaths",
    "deliveries",
    "frozen",
    "operations",
    "poison",
    "providers",
    "restarts",
    "sessions",
    "weathers",
]
