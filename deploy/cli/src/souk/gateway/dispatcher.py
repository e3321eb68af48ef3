"""The one-process gateway: each request is given to the app of its path, once the shop is open."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from souk.gateway.answers import not_open_yet, nothing_here
from souk.gateway.table import RouteTable

_ALWAYS_SHOWN = ("/api/v1/health", "/api/v1/auth/jwks", "/sandbox")


class Dispatcher:
    """Gives each request to the app of its path; `mounts` are prefixes served beside the services."""

    def __init__(self, services: Mapping[str, ASGIApp], mounts: Mapping[str, ASGIApp]) -> None:
        self._table, self._services, self._mounts = RouteTable.read(), services, mounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await self._find(scope["path"])(scope, receive, send)

    def _find(self, path: str) -> ASGIApp:
        for prefix, app in self._mounts.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return app
        return self._services.get(self._table.service(path) or "", nothing_here)


class Gate:
    """Closed until the shop is furnished: who comes earlier is asked to come again. Health and keys are open."""

    def __init__(self, inside: ASGIApp) -> None:
        self.inside, self.open = inside, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        welcome = self.open or scope["type"] != "http" or scope["path"].startswith(_ALWAYS_SHOWN)
        await (self.inside if welcome else not_open_yet)(scope, receive, send)
