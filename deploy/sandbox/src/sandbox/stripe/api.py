"""One request to the stand-in's API, from its bytes to the answer: access, parameters, idempotency, chaos, deed."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox import mishaps
from sandbox.chaos import Chaos, Hit
from sandbox.provider import JsonObject
from sandbox.store import Store, new_id, savepoint
from sandbox.stripe import access, idempotency
from sandbox.stripe.books import API_VERSION, NAME, Books
from sandbox.stripe.errors import Answer, ParamsError, StripeError, key_in_use, server_trouble
from sandbox.stripe.forms import decode_form
from sandbox.stripe.lists import expand
from sandbox.stripe.operations import Operation, find_operation
from sandbox.stripe.params import read
from sandbox.tampering import tampered
from sandbox.world import World

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """A request understood."""

    operation: Operation
    wanted: str
    given: JsonObject
    path: str
    key: str | None
    request_id: str
    trusted: bool
    version: str


@dataclass(frozen=True)
class Result:
    """The answer, whether it was given before, and by which request."""

    answer: Answer
    replayed: bool = False
    original: str | None = None


class Api:
    """The endpoint behind `/v1/…`."""

    def __init__(self, store: Store, chaos: Chaos, world: World) -> None:
        self._store = store
        self._chaos = chaos
        self._world = world
        self._running: set[str] = set()

    async def answer(self, request: Request) -> Response:
        """The endpoint."""
        request_id = new_id("req_", 14)
        version = request.headers.get("stripe-version", API_VERSION)
        try:
            call = await _understand(request, request_id, version)
            return await self._execute(call)
        except StripeError as error:
            return _respond(Result(error.answer()), request_id, version, request.headers.get("idempotency-key"))

    async def _execute(self, call: Call) -> Response:
        """Execute under the rules of the chaos dial; a key is taken while its request runs."""
        hit = self._chaos.first(NAME, "api", call.operation.name)
        if hit is not None and hit.rule.mode == "hang":
            # The request never arrives, so it takes no key either.
            return mishaps.silence(hit)
        if hit is not None and hit.rule.mode == "error":
            raise server_trouble(hit.rule.status or 500)
        result = await self._holding_key(call, hit)
        return _after(hit, result, call)

    async def _holding_key(self, call: Call, hit: Hit | None) -> Result:
        if call.key is None:
            await mishaps.pause(hit)
            return self._run(call)
        if call.key in self._running:
            raise key_in_use(call.key)
        self._running.add(call.key)
        try:
            await mishaps.pause(hit)
            return self._run(call)
        finally:
            self._running.discard(call.key)

    def _run(self, call: Call) -> Result:
        """Everything that touches the books, in one transaction that keeps refusals and their keys too."""
        with self._store.transaction() as db:
            books = Books(db, self._world, call.request_id, call.key)
            wanted = idempotency.fingerprint(call.path, call.given)
            known = None if call.key is None else idempotency.recall(db, call.key, wanted)
            if known is not None:
                return Result(known[0], replayed=True, original=known[1])
            answer = self._do(books, call)
            if call.key is not None:
                idempotency.remember(db, call.key, wanted, answer, call.request_id)
        return Result(answer)

    def _do(self, books: Books, call: Call) -> Answer:
        """Raises `StripeError` only for refusals that must not be remembered."""
        params = read(call.operation.schema, call.given)
        call.operation.check(params)
        paths = [str(path) for path in params.get("expand") or []]
        try:
            with savepoint(books.db):
                if not call.trusted:
                    _check_browser(books, call)
                answer = call.operation.run(books, params, call.wanted)
                if answer.status == 200 and paths:  # noqa: PLR2004 - OK
                    answer = Answer(200, expand(books, answer.body, paths))
        except StripeError as error:
            if not error.stored:
                raise
            answer = error.answer()
        return answer if call.trusted else Answer(answer.status, access.for_browser(answer.body))


async def _understand(request: Request, request_id: str, version: str) -> Call:
    path = request.path_params["path"]
    found = find_operation(request.method, path)
    if found is None:
        message = f"Unrecognized request URL ({request.method}: /v1/{path}). Please see https://docs.stripe.com"
        raise ParamsError(f"{message} or we can help at https://support.stripe.com/.", status=404)
    operation, wanted = found
    trusted = access.check_key(access.key_of(request.headers.get("authorization", "")), operation)
    given = await _given(request)
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    if key is not None:
        idempotency.check_key(key)
    return Call(operation, wanted, given, path, key or None, request_id, trusted, version)


async def _given(request: Request) -> JsonObject:
    """The parameters. Bodies are forms, never JSON (docs.stripe.com/api)."""
    query = decode_form(request.url.query)
    if request.method != "POST":
        return query
    body = await request.body()
    if body and not request.headers.get("content-type", _FORM).startswith(_FORM):
        raise ParamsError(f"Invalid request (check that your POST content type is {_FORM}).")
    return query | decode_form(body)


def _check_browser(books: Books, call: Call) -> None:
    if call.operation.name.startswith("payment_intents."):
        secret: Any = call.given.get("client_secret")
        intent = books.find("payment_intent", call.wanted)
        access.check_client_secret(call.wanted, secret if isinstance(secret, str) else None, intent)


def _after(hit: Hit | None, result: Result, call: Call) -> Response:
    """What becomes of the answer on its way to the client.

    A key remembers the true answer, not the fault: the trouble lies between provider and client.
    """
    good = _respond(result, call.request_id, call.version, call.key)

    def lie(variant: str) -> Response:
        changed = Answer(result.answer.status, tampered(result.answer.body, variant))
        return _respond(Result(changed), call.request_id, call.version, call.key)

    def trouble(status: int) -> Response:
        return _respond(Result(server_trouble(status).answer()), call.request_id, call.version, call.key)

    return mishaps.afterwards(hit, good, lie, trouble)


def _respond(result: Result, request_id: str, version: str, key: str | None) -> Response:
    """HTTP with the headers of docs.stripe.com/api/request_ids and docs.stripe.com/api/idempotent_requests."""
    headers = {
        "request-id": request_id,
        "stripe-version": version,
        "cache-control": "no-cache, no-store",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "Request-Id",
    }
    if key is not None:
        headers["idempotency-key"] = _printable(key)
    if result.replayed and result.original is not None:
        headers |= {"idempotent-replayed": "true", "original-request": result.original}
    body = json.dumps(result.answer.body, indent=2).encode()
    return Response(body, result.answer.status, headers, "application/json")


def _printable(key: str) -> str:
    return key.encode("latin-1", "replace").decode("latin-1")
