"""A sandbox put together: one ASGI app, one SMTP listener and two loops over one file."""

import asyncio
import contextlib
from collections.abc import Sequence

from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import chaos, later, webhooks
from sandbox.chaos import Chaos
from sandbox.control import Control
from sandbox.imagekit import provider as imagekit
from sandbox.later import Later
from sandbox.mail import mailbox
from sandbox.mail.mailbox import Mailbox
from sandbox.mail.smtp import Postman
from sandbox.mail.web import MailPages
from sandbox.provider import Provider
from sandbox.razorpay import provider as razorpay
from sandbox.settings import SandboxSettings
from sandbox.store import Store
from sandbox.stripe import provider as stripe
from sandbox.webhooks import Webhooks
from sandbox.world import World

__all__ = ["Sandbox", "SandboxSettings"]

_SCHEMAS = (
    chaos.SCHEMA,
    later.SCHEMA,
    webhooks.SCHEMA,
    mailbox.SCHEMA,
    stripe.SCHEMA,
    razorpay.SCHEMA,
    imagekit.SCHEMA,
)
_PROVIDERS = (stripe.StripeProvider, razorpay.RazorpayProvider, imagekit.ImageKitProvider)


class Sandbox:
    """The outside world of a shop. Mount `app` anywhere; `start` before use, `stop` at the end."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._store = Store(settings.state_file, _SCHEMAS)
        dial = Chaos(self._store, frozenset(make.name for make in _PROVIDERS))
        self._webhooks = Webhooks(self._store, dial, settings)
        self._later = Later(self._store)
        world = World(self._webhooks, self._later, settings)
        made: list[Provider] = [make(self._store, dial, world) for make in _PROVIDERS]
        self._providers = {provider.name: provider for provider in made}
        self._postman = Postman(Mailbox(self._store), dial)
        self._loops: list[asyncio.Task[None]] = []
        self._smtp: asyncio.Server | None = None
        control = Control(self._store, dial, self._webhooks, self._providers)
        self.app: ASGIApp = _Rooted(self._routes(control))

    @property
    def smtp_port(self) -> int:
        """The port the mailbox listens on. Raises `RuntimeError` before `start`."""
        if self._smtp is None:
            raise RuntimeError("the sandbox has not been started")
        return int(self._smtp.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen for mail, send webhooks, let slow money settle. Raises `OSError` if the SMTP port is taken."""
        host, port = self._settings.smtp_host, self._settings.smtp_port
        self._smtp = await asyncio.get_running_loop().create_server(self._postman.protocol, host, port)
        self._loops = [
            asyncio.create_task(self._webhooks.run(self._providers)),
            asyncio.create_task(self._later.run(self._providers)),
        ]

    async def stop(self) -> None:
        """End everything and close the file; what is pending goes on at the next start."""
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._smtp is not None:
            self._smtp.close()
            with contextlib.suppress(TimeoutError):
                # Clients that keep their connection open must not hold up the end.
                async with asyncio.timeout(0.5):
                    await self._smtp.wait_closed()
        self._store.close()

    def _routes(self, control: Control) -> list[BaseRoute]:
        doors: Sequence[BaseRoute] = [Mount(f"/{name}", routes=made.routes()) for name, made in self._providers.items()]
        return [*control.routes(), *MailPages(Mailbox(self._store)).routes(), *doors]


class _Rooted:
    """Notes where the sandbox is mounted, for links, and serves the mount point itself with or without a slash."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        self._app = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "")
            path = scope["path"]
            bare = path.removeprefix(root) if path == root or path.startswith(f"{root}/") else path
            inner = "/" + bare.strip("/")
            scope = {**scope, "sandbox_root": root, "root_path": root, "path": root + inner}
        await self._app(scope, receive, send)
