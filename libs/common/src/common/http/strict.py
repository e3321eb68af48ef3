"""Strict input: one way to write JSON, no unknown query parameter, nothing silently converted."""

import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Any, NoReturn, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from common.errors import BadRequest, Invalid
from common.http.idempotency import remember
from common.http.problems import UnsupportedMediaType

_JSON = re.compile(r'application/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)
Solve = Callable[[Request], Awaitable[dict[str, Any]]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])
Model = TypeVar("Model", bound=BaseModel)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class BodyMissing(BadRequest):
    """A JSON body is needed."""


class MalformedJson(BadRequest):
    """The body is not valid JSON."""


class DuplicateKey(BadRequest):
    """A JSON object names the same key twice."""


class ObjectExpected(Invalid):
    """The body must be a JSON object."""


class ControlCharacter(Invalid):
    """Text must not contain NUL or other control characters."""


class UnknownParameter(Invalid):
    """This path does not take that query parameter."""


def parse_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object (RFC 8259) strictly: UTF-8, no NaN, no duplicate keys, no lone surrogates, no NUL."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
        if b"\\u" in body:
            _check_escapes(value)
    except (ValueError, RecursionError) as error:
        raise MalformedJson from error
    if not isinstance(value, dict):
        raise ObjectExpected
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DuplicateKey
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError(text)
    return number


def _check_escapes(value: object) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise ControlCharacter
        if _SURROGATE.search(value):
            raise MalformedJson
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_escapes(key)
            _check_escapes(item)
    elif isinstance(value, list):
        for item in value:
            _check_escapes(item)


class _StrictRequest(Request):
    """A request whose JSON was read strictly before FastAPI asks for it."""

    async def load(self) -> None:
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType
        body = await self.body()
        if not body:
            raise BodyMissing
        if not _JSON.fullmatch(self.headers.get("content-type", "").strip()):
            raise UnsupportedMediaType
        self._json = parse_json(body)

    async def json(self) -> Any:  # noqa: ANN401 - as Starlette has it
        return self._json


class StrictRoute(APIRoute):
    """A route that refuses what it does not know."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler: strict query, strict body, and the idempotency key's memory before the commit."""
        known = set(_query_names(self.dependant))
        solve: Solve | None = getattr(self.endpoint, "solve", None)
        if solve is not None:
            return partial(_answer_at_once, self.endpoint, solve, known)
        inner = super().get_route_handler()
        takes_body = self.body_field is not None
        needs_body = self.body_field is not None and self.body_field.field_info.is_required()

        async def handler(request: Request) -> Response:
            _check_query(request, known)
            if not takes_body:
                return await remember(request, await inner(request))
            strict = _StrictRequest(request.scope, request.receive)
            if needs_body or await strict.body():
                await strict.load()
            return await remember(request, await inner(strict))

        return handler


def hot(solve: Solve) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint that is asked so often that solving its parameters would be most of what it costs.

    `solve` makes its arguments of the request; its signature only documents them.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["solve"] = solve
        return endpoint

    return mark


def read_query(model: type[Model], request: Request) -> Model:
    """Return the query's parameters as FastAPI would; raises what it would."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("query", *each["loc"])} for each in error.errors()]) from error


async def _answer_at_once(endpoint: Any, solve: Solve, known: set[str], request: Request) -> Response:  # noqa: ANN401 - any route
    _check_query(request, known)
    response: Response = await endpoint(**await solve(request))
    return response


def _check_query(request: Request, known: set[str]) -> None:
    if unknown := request.query_params.keys() - known:
        raise UnknownParameter(parameters=sorted(unknown)[:10])
    if len(request.query_params.multi_items()) != len(request.query_params):
        raise UnknownParameter(reason="a parameter is given twice")


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        annotation: Any = field.field_info.annotation
        model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        fields = annotation.model_fields.items() if model else ()
        yield from (given.alias or name for name, given in fields) if model else [field.alias]
    for inner in dependant.dependencies:
        yield from _query_names(inner)


def router(**options: Any) -> APIRouter:  # noqa: ANN401 - passed on
    """Return an APIRouter whose routes are strict."""
    return APIRouter(route_class=StrictRoute, **options)
