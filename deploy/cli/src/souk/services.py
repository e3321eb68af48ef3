"""The services of the system: how each is built, and where its migrations are. The only place that imports them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import auth.main
import catalog.main
import notifier.main
import orders.main
import payments.main
from common.broker import Wire
from common.inbox import EventRouter
from common.service import Service

Build = Callable[[Mapping[str, str], Wire | None], Service]

BUILDERS: dict[str, Build] = {
    "auth": auth.main.build,
    "catalog": catalog.main.build,
    "orders": orders.main.build,
    "payments": payments.main.build,
    "notifier": notifier.main.build,
}
MIGRATIONS: dict[str, Path] = {
    "auth": auth.main.MIGRATIONS,
    "catalog": catalog.main.MIGRATIONS,
    "orders": orders.main.MIGRATIONS,
    "payments": payments.main.MIGRATIONS,
    "notifier": notifier.main.MIGRATIONS,
}
EVENTS: tuple[EventRouter, ...] = (
    catalog.main.events,
    orders.main.events,
    payments.main.events,
    notifier.main.events,
)
