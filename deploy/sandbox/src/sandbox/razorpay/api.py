"""One request to the stand-in's API, from its bytes to a call: access, parameters, idempotency key."""

import json
import re
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from sandbox.provider import JsonObject
from sandbox.razorpay import access
from sandbox.razorpay.access import KeyPair
from sandbox.razorpay.errors import NA, Answer, RazorpayError
from sandbox.razorpay.operations import Asked, find_operation
from sandbox.razorpay.params import read
from sandbox.razorpay.performing import Call, Once, Performer, as_json
from sandbox.replays import fingerprint

_SHORTEST_KEY: Final = 10
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


class Api:
    """The endpoint behind `/v1/…`."""

    def __init__(self, performer: Performer, own: KeyPair | None) -> None:
        self._performer = performer
        self._own = own

    async def answer(self, request: Request) -> Response:
        """The endpoint."""
        try:
            call = await self._understand(request)
        except RazorpayError as error:
            return as_json(error.answer())
        return await self._performer.perform(call)

    async def _understand(self, request: Request) -> Call:
        path = request.path_params["path"]
        key = access.check_key(request.headers.get("authorization", ""), self._own)
        found = find_operation(request.method, path)
        if found is None:
            raise RazorpayError("The requested URL was not found on the server.", why=NA)
        operation, ids = found
        given = await given_by(request)
        asked = Asked(read(operation.schema, given), ids, key)
        header = request.headers.get("x-refund-idempotency") if operation.idempotent else None
        once = None if header is None else Once(_checked(header), fingerprint(path, given))
        return Call(operation.name, lambda books: Answer(200, operation.run(books, asked)), as_json, once)


async def given_by(request: Request) -> JsonObject:
    """The parameters: of the query for GET, else of the body, which is JSON or a form. Raises `RazorpayError`."""
    if request.method == "GET":
        return _pairs(request.url.query)
    body = await request.body()
    try:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _pairs(body.decode())
        given = json.loads(body or b"{}")
    except ValueError as error:
        raise RazorpayError("The request body is not readable.") from error
    if not isinstance(given, dict):
        raise RazorpayError("The request body must be an object.")
    return given


def _pairs(encoded: str) -> JsonObject:
    """The fields of a form; those that end in `[]` are lists."""
    pairs = parse_qsl(encoded, keep_blank_values=True)
    several = {name: [value for other, value in pairs if other == name] for name, _ in pairs if name.endswith("[]")}
    return {**dict(pairs), **several}


def _checked(key: str) -> str:
    """A usable key (razorpay.com/docs/api/refunds/normal-refunds-idempotent). Raises `RazorpayError`."""
    if len(key) < _SHORTEST_KEY:
        raise RazorpayError(f"The idempotency key must be at least {_SHORTEST_KEY} characters long.", why=NA)
    if not _KEY.fullmatch(key):
        message = "The idempotency key must only contain alphanumeric characters, underscores, and hyphens"
        raise RazorpayError(message, why=NA)
    return key
