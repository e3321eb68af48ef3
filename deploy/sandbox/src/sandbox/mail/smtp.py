"""The SMTP door of the mailbox, and its scripted bad days."""

import asyncio
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from sandbox.chaos import Chaos, Hit
from sandbox.mail.mailbox import Mailbox

_SILENT_FOR: Final = 60.0
# Enhanced status codes of RFC 3463 and wording of RFC 5321, as common servers answer.
_REPLIES: Final = {
    421: "421 4.3.2 Service not available, closing transmission channel",
    450: "450 4.2.1 Requested mail action not taken: mailbox unavailable",
    451: "451 4.3.0 Requested action aborted: local error in processing",
    452: "452 4.2.2 Requested action not taken: insufficient system storage",
    550: "550 5.1.1 Requested action not taken: mailbox unavailable",
    552: "552 5.2.2 Requested mail action aborted: exceeded storage allocation",
    554: "554 5.7.1 Transaction failed",
}


class Postman:
    """Takes mails for one listener; aiosmtpd calls the handle_ methods."""

    def __init__(self, mailbox: Mailbox, chaos: Chaos) -> None:
        self._mailbox = mailbox
        self._chaos = chaos

    def protocol(self) -> SMTP:
        """A protocol for one connection. Any login is accepted, none is needed, as in other mail catchers."""
        return SMTP(
            self,
            enable_SMTPUTF8=True,
            hostname="mailbox.sandbox",
            ident="sandbox",
            auth_require_tls=False,
            authenticator=_welcome,
            loop=asyncio.get_running_loop(),
        )

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name - name and parameters are aiosmtpd's
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Accept a recipient, unless chaos says otherwise."""
        hit = self._chaos.first("smtp", "api", "rcpt")
        reply = await self._misbehave(server, hit) if hit is not None else None
        if reply is not None:
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail, unless chaos says otherwise."""
        hit = self._chaos.first("smtp", "api", "data")
        if hit is not None and hit.rule.mode.startswith("commit_then"):
            self._keep(envelope)
        reply = await self._misbehave(server, hit) if hit is not None else None
        if reply is not None:
            return reply
        self._keep(envelope)
        return "250 2.0.0 OK: kept"

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        self._mailbox.put([str(address) for address in envelope.rcpt_tos], envelope.mail_from or "", raw)

    async def _misbehave(self, server: SMTP, hit: Hit) -> str | None:
        """The bad reply, or None when all that was wrong is the delay."""
        rule = hit.rule
        if rule.mode == "delay":
            await asyncio.sleep(rule.wait(1.0))
            return None
        if rule.mode == "hang":
            await asyncio.sleep(rule.wait(_SILENT_FOR))
            await _drop(server)
        if rule.mode == "commit_then_hang":
            await asyncio.sleep(rule.wait(0.0))
            await _drop(server)
        reply = _REPLIES[rule.status or 451]
        if reply.startswith("421") and server.transport is not None:
            # RFC 5321 section 3.8: the server closes after 421. The reply itself needs a moment to leave.
            asyncio.get_running_loop().call_later(0.05, server.transport.close)
        return reply


async def _drop(server: SMTP) -> None:
    """Cut the connection; losing it cancels the task this runs in."""
    transport: Any = server.transport  # declared too narrowly: it is a socket's, which can be aborted
    if transport is not None:
        transport.abort()
    await asyncio.sleep(1)
    raise ConnectionResetError


def _welcome(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, _login: object) -> AuthResult:
    return AuthResult(success=True)
