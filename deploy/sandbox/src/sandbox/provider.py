"""What a stand-in for a provider must offer; a new one is a folder and one line in `main`."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.routing import BaseRoute

JsonObject = dict[str, Any]


class Provider(Protocol):
    """One provider: its HTTP API below `/<name>`, its signature scheme and its books."""

    name: str
    about: str

    def routes(self) -> Sequence[BaseRoute]:
        """The routes below `/<name>`."""

    def sign(self, event_id: str, body: bytes, secrets: Sequence[str], at: float, /) -> Mapping[str, str]:
        """The headers that prove a webhook body came from this provider; newest secret first, `at` is Unix time."""

    def truth(self, db: sqlite3.Connection, since: float) -> JsonObject:
        """What this provider believes happened since a Unix time. Called in a worker thread, on its own connection."""

    def do_later(self, db: sqlite3.Connection, task: str, subject: str) -> None:
        """Carry out a task noted earlier with `Later.note`, inside the given transaction."""
