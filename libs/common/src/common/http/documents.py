"""A service's OpenAPI document, with what an operation may answer beside its success read from what it depends on."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from common.auth import principal
from common.errors import Invalid, NotFound, Problem, Unauthenticated, Unavailable, raised_by
from common.http.connection import UriTooLong
from common.http.limits import RateLimited, limited
from common.http.problems import MEDIA_TYPE, PayloadTooLarge, UnsupportedMediaType
from common.http.strict import BodyMissing, DuplicateKey, MalformedJson, StrictRoute

_BODY: Final = (BodyMissing, MalformedJson, DuplicateKey, PayloadTooLarge, UnsupportedMediaType, Invalid)
_FASTAPIS_OWN: Final = ("HTTPValidationError", "ValidationError")
_SCHEMA: Final = {"$ref": "#/components/schemas/Problem"}
_TEXT: Final = {"type": "string"}
_DETAIL: Final = {
    "type": "object",
    "required": ["pointer", "code", "detail"],
    "properties": {
        "pointer": {"type": "string", "description": "Where in the body (`#/items/0`), or in the query, it is."},
        "code": _TEXT,
        "detail": _TEXT,
    },
}
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request failed (RFC 9457). `code` is stable; facts that help to mend it may stand beside it.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:souk:problem:"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "A sentence for people."},
        "code": {"type": "string", "pattern": "^[a-z0-9_.-]+$", "description": "A word for programs."},
        "request_id": {"type": "string", "description": "Finds the request in the log."},
        "errors": {"type": "array", "items": _DETAIL, "description": "What exactly is not valid."},
    },
}
_UNLESS: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Send it only if it is no longer as this ETag says.",
    "schema": _TEXT,
}


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation, which becomes that of a function in generated clients."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    made = FastAPI.openapi(app)
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = made["paths"].get(route.path_format, {}).get(method.lower())
            if operation:
                _complete(operation, route)
    return made


def _complete(operation: dict[str, Any], route: RouteContext) -> None:
    calls = set(_calls(route.dependant))
    responses = operation["responses"]
    for status, problems in _by_status(_raised(calls, route)).items():
        told = responses.setdefault(status, {})
        if told.get("description", "Validation Error") == "Validation Error":
            told["description"] = " ".join(f"`{problem.code()}`: {problem.sentence()}" for problem in problems)
    for status, told in responses.items():
        if status >= "400":
            told["content"] = {**_others(told), MEDIA_TYPE: {"schema": _SCHEMA}}
    operation["responses"] = dict(sorted(responses.items()))
    if "304" in responses and _UNLESS not in operation.setdefault("parameters", []):
        operation["parameters"].append(_UNLESS)
    for given in (*operation.get("parameters", ()), *operation.get("requestBody", {}).get("content", {}).values()):
        given["schema"] = _given(given["schema"])
    operation.setdefault("security", _security(calls))


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a parameter or a body is where it is given: its absence says null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "anyOf"}}


def _raised(calls: Iterable[Callable[..., Any]], route: RouteContext) -> Iterator[type[Problem]]:
    yield from chain.from_iterable(raised_by(call) for call in calls)
    yield from _BODY if route.body_field is not None else ()
    yield from (NotFound,) if route.dependant.path_params else ()
    yield from (Invalid,) if isinstance(route.original_route, StrictRoute) else ()
    yield from (RateLimited,) if limited(route.path_format or "") else ()
    yield UriTooLong
    yield Unavailable


def _by_status(problems: Iterable[type[Problem]]) -> dict[str, list[type[Problem]]]:
    found = defaultdict[str, list[type[Problem]]](list)
    for problem in sorted(set(problems), key=lambda problem: problem.__name__):
        found[str(problem.status)].append(problem)
    return found


def _others(told: dict[str, Any]) -> dict[str, Any]:
    return {
        kind: what for kind, what in told.get("content", {}).items() if kind not in {MEDIA_TYPE, "application/json"}
    }


def _security(calls: Iterable[Callable[..., Any]]) -> list[dict[str, list[str]]]:
    if principal in calls:
        return [{"bearer": []}]
    return [{}, {"bearer": []}] if any(Unauthenticated in raised_by(call) for call in calls) else []


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    if dependant.call is not None:
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)
