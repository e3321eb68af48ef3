"""Every failure as RFC 9457 `application/problem+json`; what the client sent is never echoed, nor what broke inside."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import Scope

from common.errors import BadRequest, Invalid, NotFound, Problem, Unavailable
from common.telemetry import current_trace

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"

_MOST_DETAILS, _LONGEST_POINTER = 50, 200
_CODES = {"extra_forbidden": "unknown_field", "json_invalid": "malformed_json"}


class MethodNotAllowed(Problem):
    """This path does not take that method."""

    status = 405


class PayloadTooLarge(Problem):
    """The body is larger than this path takes."""

    status = 413
    headers: ClassVar[dict[str, str]] = {"Connection": "close"}


class UnsupportedMediaType(Problem):
    """Send application/json in UTF-8, without a content encoding."""

    status = 415


class InternalError(Problem):
    """Something broke on our side; the request id finds it in the log."""

    status = 500


def answer(problem: Problem, errors: Sequence[dict[str, str]] = (), code: str | None = None) -> Response:
    """Return the problem as a response."""
    code = code or problem.code()
    body: dict[str, Any] = {
        "type": f"urn:souk:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": problem.status,
        "detail": problem.sentence(),
        "code": code,
        "request_id": current_trace().correlation_id,
        **problem.facts,
    }
    if errors:
        body["errors"] = list(errors)
    headers = {**problem.headers, **problem.own_headers}
    return Response(orjson.dumps(body, default=str), problem.status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Register the handlers for everything that can be raised."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(asyncpg.PostgresError, _driver)
    app.add_exception_handler(asyncpg.InterfaceError, _unavailable)
    app.add_exception_handler(asyncpg.InternalClientError, _unavailable)  # the server hangs up just as we begin
    app.add_exception_handler(PoolTimeout, _unavailable)
    app.add_exception_handler(TimeoutError, _unavailable)
    app.add_exception_handler(OSError, _unavailable)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(error)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_detail(item["loc"], item) for item in error.errors()[:_MOST_DETAILS]]
    if any(item["pointer"].startswith("path:") for item in problems):
        return answer(NotFound())
    codes = {item["code"] for item in problems}
    return answer(Invalid(), problems, code=codes.pop() if len(codes) == 1 else None)


def details(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what a model says is wrong with a JSON object, as problems tell it."""
    return [_detail(("body", *item["loc"]), item) for item in errors[:_MOST_DETAILS]]


def _detail(loc: Sequence[object], item: Mapping[str, Any]) -> dict[str, str]:
    place, *path = (str(part).replace("~", "~0").replace("/", "~1") for part in loc)  # RFC 6901
    pointer = "#" + "".join(f"/{part}" for part in path) if place == "body" else f"{place}:{'/'.join(path)}"
    context = item.get("ctx", {})
    code = context.get("code") or _CODES.get(item["type"], item["type"])
    return {"pointer": pointer[:_LONGEST_POINTER], "code": str(code), "detail": str(item["msg"])}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kinds: dict[int, type[Problem]] = {404: NotFound, 405: MethodNotAllowed, 413: PayloadTooLarge}
    response = answer(kinds.get(error.status_code, BadRequest)())
    response.headers.update(error.headers or {})
    if error.status_code == MethodNotAllowed.status:
        response.headers["Allow"] = ", ".join(sorted(methods_of(request.scope)))
    return response


def methods_of(scope: Scope) -> set[str]:
    """Return what a path takes; the exception names only what the first of its routes does."""
    here = (route for route in iter_route_contexts(scope["app"].routes) if route.path_regex.match(scope["path"]))
    return {method for route in here for method in route.methods or ()}


async def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    if isinstance(error, InterfaceError) or error.connection_invalidated:
        return await _unavailable(request, error)
    return await _driver(request, error)


async def _driver(request: Request, error: Exception) -> Response:
    # Class 22 is a data exception: what the edge let through. Transient: deadlock and serialisation (40), lock and
    # statement time-outs and shutdown (55, 57), no room (53), connection (08) and transaction state (25).
    state = (getattr(getattr(error, "orig", error), "sqlstate", None) or "08")[:2]
    if state == "22":
        return answer(Invalid())
    if state in {"40", "55", "57", "53", "08", "25"}:
        return await _unavailable(request, error)
    raise error


async def _unavailable(_: Request, error: Exception) -> Response:
    log.warning("unavailable", error=repr(error))
    return answer(Unavailable())
