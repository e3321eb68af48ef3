"""The notifier on its own, and a mail server that behaves as a test tells it."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID

import pytest_asyncio
from aiosmtpd.smtp import SMTP

from common.contracts.auth import UserRegistered
from common.contracts.orders import Line, OrderCreated, OrderPaid
from common.db import fetch, now
from common.events import new_id
from common.migrations import migrate
from common.money import Money
from common.testing import OneService, one_service
from notifier.main import MIGRATIONS, build

ENVIRONMENT = {
    "MAIL_FROM": "Souk Shop <shop@souk.example>",
    "STOREFRONT_URL": "https://shop.example",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_TIMEOUT": "1s",
    "SMTP_STARTTLS": "never",
}


@dataclass
class Taken:
    recipients: list[str]
    message: EmailMessage

    @property
    def html(self) -> str:
        return self.message.get_body(("html",)).get_content()

    @property
    def text(self) -> str:
        return self.message.get_body(("plain",)).get_content()


@dataclass
class Post:
    """Answers RCPT and DATA by script, one entry per command; `cut` ends the connection, a number waits."""

    rcpt: deque[str | float] = field(default_factory=deque)
    data: deque[str | float] = field(default_factory=deque)
    mail: deque[str | float] = field(default_factory=deque)
    banner_delay: float = 0
    lines: list[asyncio.Transport] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None
    taken: list[Taken] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.lines)

    async def _reply(self, server, script) -> str | None:
        entry = script.popleft() if script else None
        if entry == "cut":
            server.transport.abort()
            await asyncio.sleep(1)
        if isinstance(entry, float):
            await asyncio.sleep(entry)
            return None
        return entry

    # Names and parameters of these three are aiosmtpd's.
    async def handle_MAIL(self, server, _session, envelope, address, _options):  # noqa: N802 - see above
        if reply := await self._reply(server, self.mail):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, _session, envelope, address, _options):  # noqa: N802 - see above
        if reply := await self._reply(server, self.rcpt):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - see above
        first = self.data[0] if self.data else None
        if not isinstance(first, str) or first == "cut":  # the mail is kept, whatever becomes of the answer
            message = message_from_bytes(envelope.content, policy=policy.default)
            self.taken.append(Taken(list(envelope.rcpt_tos), message))
        return await self._reply(server, self.data) or "250 OK"


class _Protocol(SMTP):
    def __init__(self, post: Post) -> None:
        super().__init__(post, hostname="mail.test", loop=asyncio.get_running_loop(), tls_context=post.tls)
        self.post = post

    async def push(self, status):
        if status.startswith("220 ") and self.post.banner_delay:
            await asyncio.sleep(self.post.banner_delay)
        await super().push(status)

    def connection_made(self, transport):
        self.post.lines.append(transport)
        super().connection_made(transport)


@pytest_asyncio.fixture
async def post() -> AsyncIterator[Post]:
    made = Post()
    server = await asyncio.get_running_loop().create_server(lambda: _Protocol(made), "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    for open_line in made.lines:
        open_line.abort()
    server.close()
    await server.wait_closed()


@pytest_asyncio.fixture
async def notifier(make_database, post, request) -> AsyncIterator[OneService]:
    environ = {**ENVIRONMENT, "SMTP_PORT": str(post.port), **getattr(request, "param", {})}
    url = await make_database("notifier", template="notifier", prepare=lambda url: migrate(url, MIGRATIONS))
    made = await one_service(build, MIGRATIONS, url, environ)
    yield made
    await made.close()


def registered(user_id: UUID | None = None, **changes) -> UserRegistered:
    given = {"name": "Ada", "email": "ada@example.com", "roles": ["customer"], "version_number": 1, **changes}
    return UserRegistered(user_id=user_id or new_id(), **given)


def ordered(user_id: UUID, **changes) -> OrderCreated:
    given = {"order_id": new_id(), "number": "S-1042", "lines": [], "total": Money(2599, "USD"), **changes}
    return OrderCreated(user_id=user_id, created_at=now(), expires_at=now(), **given)


def paid(order: OrderCreated, *lines: Line) -> OrderPaid:
    return OrderPaid(
        order_id=order.order_id,
        number=order.number,
        user_id=order.user_id,
        payment_id=new_id(),
        lines=list(lines),
        total=order.total,
    )


async def rows(notifier: OneService, sql: str = "SELECT * FROM notifications ORDER BY id") -> list:
    async with notifier.database.transaction() as session:
        return await fetch(session, sql)


async def make_due(notifier: OneService) -> None:
    """Let time pass: what waits for another try is due, and leases are over."""
    await rows(notifier, "UPDATE notifications SET due_at = now() WHERE due_at IS NOT NULL")
    await rows(notifier, "UPDATE notifications SET leased_until = now() - interval '1 s' WHERE lease IS NOT NULL")
