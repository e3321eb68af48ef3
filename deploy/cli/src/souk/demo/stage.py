"""What the audience sees: each step, and the events and mails it causes, as they happen."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import httpx2
import orjson
from rich.console import Console

from common.db import plain_dsn
from common.events import new_id
from common.money import Money

console = Console(highlight=False)
_EVENTS = "SELECT id, type, body FROM outbox WHERE id > $1 ORDER BY id LIMIT 200"
_POLL = 0.1
_QUIET = frozenset({"webhook.received", "user.logged_in", "product.created"})


def step(title: str) -> None:
    """Announce what the customer does now."""
    console.print(f"\n[bold]{title}[/]", soft_wrap=True)


def note(text: str) -> None:
    """Tell what came of it."""
    console.print(f"  {text}", soft_wrap=True)


def money(value: Mapping[str, Any]) -> str:
    """Return money as people read it: 1,499.00 INR."""
    whole, dot, part = str(Money(value["amount"], value["currency"])).partition(".")
    number, space, currency = whole.partition(" ")
    return f"{int(number):,}{space}{currency}{dot}{part}"


class Witness:
    """Prints the services' events from their outboxes, and the mails from the sandbox's mailbox."""

    def __init__(self, databases: Mapping[str, str], mailbox: str | None, http: httpx2.AsyncClient) -> None:
        self._databases, self._mailbox, self._http = databases, mailbox, http
        self._seen_mails: set[str] = set()
        self.events = self.mails = 0

    async def watch(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self._databases:
                group.create_task(self._watch_events())
            if self._mailbox:
                group.create_task(self._watch_mail(self._mailbox))

    async def _watch_events(self) -> None:
        last = dict.fromkeys(self._databases, new_id())
        connections = {name: await asyncpg.connect(plain_dsn(url)) for name, url in self._databases.items()}
        try:
            while True:
                found = [(row, name) for name in last for row in await connections[name].fetch(_EVENTS, last[name])]
                for row, name in sorted(found):
                    last[name] = max(last[name], row["id"])
                    self._tell(name, row["type"], row["body"])
                await asyncio.sleep(_POLL)
        finally:
            for connection in connections.values():
                connection.terminate()

    def _tell(self, service: str, type_: str, body: bytes | None) -> None:
        self.events += 1
        if type_ in _QUIET:
            return
        data = orjson.loads(body)["data"] if body else {}
        words = [str(data[name]) for name in ("number", "reason") if data.get(name)]
        console.print(f"    [cyan]{type_:24}[/] {service:9} {' · '.join(words)}".rstrip(), soft_wrap=True)

    async def _watch_mail(self, mailbox: str) -> None:
        for mail in await self._mails(mailbox):
            self._seen_mails.add(mail["id"])
        while True:
            for mail in reversed(await self._mails(mailbox)):
                if mail["id"] not in self._seen_mails:
                    self._seen_mails.add(mail["id"])
                    self.mails += 1
                    console.print(f"    [magenta]{'mail':24}[/] {mail['subject']}", soft_wrap=True)
            await asyncio.sleep(_POLL * 2)

    async def _mails(self, mailbox: str) -> list[dict[str, Any]]:
        with suppress(httpx2.HTTPError, ValueError):
            found: list[dict[str, Any]] = (await self._http.get(mailbox)).json()
            return found
        return []
