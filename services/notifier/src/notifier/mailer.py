"""The SMTP client: one recipient per mail, several mails per connection, a verdict for all that can happen."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from notifier.domain import Outcome
from notifier.letters import Letter

Step = Literal["knocking", "addressing", "handing over"]
StartTls = Literal["auto", "never", "require"]
_IMPLICIT_TLS: Final = 465  # RFC 8314
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")  # RFC 3463
# RFC 5321 and 4954: unknown command, bad sequence, authentication. They tell of us and the server, not of the mail.
_OURS: Final = frozenset({500, 502, 503, 530, 534, 535, 538})
_GOODBYE: Final = 2.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in; `limit` is how many seconds one mail may take, connection included."""

    host: str
    port: int
    limit: float
    username: str | None = None
    password: str | None = None
    start_tls: StartTls = "auto"
    greeting: str | None = None

    def client(self) -> SMTP:
        """Return a client, not yet connected. A password is sent over TLS only, unless TLS is ruled out by `never`."""
        implicit = self.port == _IMPLICIT_TLS
        opportunistic = None if self.password is None else True
        return SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            local_hostname=self.greeting,
            timeout=self.limit,
            use_tls=implicit,
            start_tls=False if implicit else {"auto": opportunistic, "never": False, "require": True}[self.start_tls],
        )


class Line:
    """One connection to the mail server, made when the first mail needs it and again when it is lost."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._client: SMTP | None = None

    async def send(self, letter: Letter) -> Outcome:
        """Hand a letter over; never raises for what the server does.

        The commands are given one by one, for only so it is known whether the letter itself had left when the line was
        cut. With one recipient there is no partial refusal, which aiosmtplib would report as a success.
        """
        step: Step = "knocking"
        try:
            async with asyncio.timeout(self._server.limit):
                client = await self._knock(letter.sender)
                step = "addressing"
                await client.rcpt(letter.recipient)
                step = "handing over"
                answer = await client.data(letter.body)
        except (SMTPException, OSError, TimeoutError) as error:
            self._drop()
            return judge(step, error)
        return Outcome("accepted", answer.code)

    async def _knock(self, sender: str) -> SMTP:
        if self._client is not None and self._client.is_connected:
            with suppress(SMTPException):  # servers end long conversations: a new one is begun
                await self._client.mail(sender)
                return self._client
        self._drop()
        self._client = self._server.client()
        await self._client.connect()
        await self._client.mail(sender)
        return self._client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def hang_up(self) -> None:
        """Say goodbye if anybody listens."""
        if self._client is not None and self._client.is_connected:
            with suppress(SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self._client.quit()
        self._drop()


@asynccontextmanager
async def line(server: MailServer) -> AsyncIterator[Line]:
    """Give a line to the server for a round of mails."""
    opened = Line(server)
    try:
        yield opened
    finally:
        await opened.hang_up()


def judge(step: Step, error: Exception) -> Outcome:
    """Return what a failure at this step means; the note holds no address, though servers repeat them."""
    code = error.code if isinstance(error, SMTPResponseException) else 0
    note = f"{step}: {_reply(error) or type(error).__name__}"
    if step == "knocking" or code in _OURS:
        return Outcome("away", code, note)
    match code // 100:
        case 4:
            return Outcome("deferred", code, note)
        case 5:
            return Outcome("refused", code, note)
        case _:
            return Outcome("ambiguous" if step == "handing over" else "deferred", 0, note)


def _reply(error: Exception) -> str:
    if not isinstance(error, SMTPResponseException) or error.code < 0:  # -1: not a reply at all
        return ""
    enhanced = _ENHANCED.search(error.message)
    return f"{error.code} {enhanced[0]}" if enhanced else str(error.code)
