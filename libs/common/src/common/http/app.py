"""A service's FastAPI application: pure ASGI middleware for trace, limits and metrics, problems as answers."""

import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.events import Channel, Trace, new_id
from common.http import problems
from common.http.documents import document, operation_id
from common.http.frame import Frame, Guard, RawHeaders
from common.http.idempotency import Replayed
from common.http.problems import InternalError, PayloadTooLarge, answer
from common.telemetry import Metrics, SpanKind, span, tracing
from common.telemetry.spans import TRACEPARENT, Span, StatusCode

log = structlog.get_logger(__name__)
_OURS: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}  # FastAPI's spans keep whole addresses
_BASE = "/api/v1"
_GONE = 499  # what is counted for a client that hung up before it could be answered


def create_app(
    title: str,
    routers: Sequence[APIRouter],
    metrics: Metrics,
    *,
    state: dict[str, object],
    frame: Frame | None = None,
) -> FastAPI:
    """Return the application; `state` is what its dependencies find on `app.state`."""
    app = FastAPI(
        title=title,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=_OURS,
        separate_input_output_schemas=False,
        generate_unique_id_function=operation_id,
    )
    for router in routers:
        app.include_router(router, prefix=_BASE)
    for name, value in state.items():
        setattr(app.state, name, value)
    app.openapi = partial(document, app)  # type: ignore[method-assign]
    problems.install(app)
    app.add_exception_handler(Replayed, _replayed)
    app.add_middleware(_Door, metrics=metrics, guard=Guard(frame or Frame()))
    return app


async def _replayed(_: Request, error: Exception) -> Response:
    assert isinstance(error, Replayed)
    return error.response


class _Door:
    """The outermost layer: request id and trace, what the guard says, one observation per request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, guard: Guard) -> None:
        self._app, self._metrics, self._guard = app, metrics, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._answer if scope["type"] == "http" else self._app)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        guard, started, status = self._guard, time.perf_counter(), 0
        guard.locate(scope)
        trace = _trace(scope)
        told: RawHeaders = [(b"x-request-id", trace.correlation_id.encode())]

        async def answer_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = guard.finish(list(message["headers"]), told)
            await send(message)

        with tracing(trace), span(self._metrics.service, scope["method"], SpanKind.SERVER) as made:
            try:
                app = guard.refuse(scope, told) or self._app
                await app(scope, _limited(receive, guard.body_limit(scope)), answer_with_headers)
            except ClientDisconnect:
                status = status or _GONE
            except Exception as error:
                if status:
                    raise
                log.exception("unexpected", error=type(error).__name__)
                await answer(InternalError())(scope, receive, answer_with_headers)
            finally:
                self._observe(scope, status, time.perf_counter() - started, made)

    def _observe(self, scope: Scope, status: int, seconds: float, made: Span) -> None:
        route: Any = scope.get("route")
        method, path = scope["method"], f"{_BASE}{route.path}" if route else "unmatched"
        self._metrics.requests.labels(method, path, status).observe(seconds)
        if made.is_recording():
            made.update_name(f"{method} {path}")
            made.set_attributes(
                {"http.request.method": method, "http.route": path, "http.response.status_code": status}
            )
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                made.set_status(StatusCode.ERROR)


def _trace(scope: Scope) -> Trace:
    given = Headers(scope=scope).get("traceparent", "")
    channel: Channel = "WEBHOOK" if "/webhooks/" in scope["path"] else "API"
    return Trace(
        correlation_id=str(new_id()),
        channel=channel,
        auth_type="anonymous",
        traceparent=given if TRACEPARENT.fullmatch(given) else None,
    )


def _limited(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise PayloadTooLarge
        return message

    return counted
