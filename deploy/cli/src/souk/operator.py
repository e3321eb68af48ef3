"""What sees the whole system: its health in one word per service, and the API's documentation."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import fastapi_offline
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from common.http.frame import Hardened
from common.service import Service
from souk.home import ROOT

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_OPENAPI = ROOT / "docs" / "openapi.json"


def health_app(services: Sequence[Service]) -> ASGIApp:
    """Return the app that tells how the system is: a word per service."""

    async def health(_: Request) -> Response:
        words = {service.name: "unavailable" if service.problems() else "ok" for service in services}
        well = all(word == "ok" for word in words.values())
        return JSONResponse({"status": "ok" if well else "degraded", "services": words}, 200 if well else 503)

    return Hardened(Starlette(routes=[Route("/api/v1/health", health)]))


def documents_app() -> ASGIApp:
    """Return the app that shows the API's documentation, its assets served from here."""
    shown = get_swagger_ui_html(
        openapi_url="/api/docs/openapi.json",
        title="Souk API",
        swagger_js_url="/api/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/api/docs/assets/swagger-ui.css",
        swagger_favicon_url="/api/docs/assets/favicon.png",
    )
    shown.headers["Content-Security-Policy"] = _policy(bytes(shown.body))

    async def page(_: Request) -> Response:
        return shown

    async def openapi(_: Request) -> Response:
        return FileResponse(_OPENAPI, media_type="application/json")

    return Hardened(
        Starlette(
            routes=[
                Route("/api/docs", page),
                Route("/api/docs/openapi.json", openapi),
                Mount("/api/docs/assets", StaticFiles(directory=_ASSETS)),
            ]
        )
    )


def _policy(html: bytes) -> str:
    """Let the page run its own script, which its hash names, and nobody else's; it paints with styles in place."""
    script = html.split(b"<script>", 1)[1].split(b"</script>", 1)[0]
    digest = b64encode(hashlib.sha256(script).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
