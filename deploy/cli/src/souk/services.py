"""The services: how each is built, what it reads, where its migrations are. The only place that imports them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import auth.main
import catalog.main
import notifier.main
import orders.main
import payments.main
from common.broker import Wire
from common.inbox import EventRouter
from common.service import Service
from common.settings import ServiceSettings

Build = Callable[[Mapping[str, str], Wire | None], Service]


class _Main(Protocol):
    """A service's `main`."""

    MIGRATIONS: Path

    @property
    def SETTINGS(self) -> type[ServiceSettings]: ...  # noqa: N802 - a constant of a module

    def build(self, environ: Mapping[str, str], wire: Wire | None = None) -> Service: ...


_MAINS: Final[Mapping[str, _Main]] = {
    "auth": auth.main,
    "catalog": catalog.main,
    "orders": orders.main,
    "payments": payments.main,
    "notifier": notifier.main,
}
EVENTS: Final[tuple[EventRouter, ...]] = (
    catalog.main.events,
    orders.main.events,
    payments.main.events,
    notifier.main.events,
)
BUILDERS: Final[Mapping[str, Build]] = {name: main.build for name, main in _MAINS.items()}
SETTINGS: Final[Mapping[str, type[ServiceSettings]]] = {name: main.SETTINGS for name, main in _MAINS.items()}
MIGRATIONS: Final[Mapping[str, Path]] = {name: main.MIGRATIONS for name, main in _MAINS.items()}
