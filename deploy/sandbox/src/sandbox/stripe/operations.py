"""The table of what the stand-in's API can do: method and path, name, parameters, deed."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.provider import JsonObject
from sandbox.stripe import intents, lists, methods, refunds, schemas
from sandbox.stripe.books import Books
from sandbox.stripe.checkout import params as checkout
from sandbox.stripe.checkout import sessions
from sandbox.stripe.errors import Answer
from sandbox.stripe.params import Schema, refuse_method_types

Deed = Callable[[Books, JsonObject, str], Answer]
Check = Callable[[JsonObject], None]


def _unchecked(_params: JsonObject) -> None:
    """Nothing beyond the schema."""


@dataclass(frozen=True)
class Operation:
    """One operation. `public` ones may be called with a publishable key and the object's client secret."""

    name: str
    schema: Schema
    run: Deed
    check: Check = _unchecked
    public: bool = False


def _without_id(deed: Callable[[Books, JsonObject], Answer]) -> Deed:
    return lambda books, params, _wanted: deed(books, params)


def _retrieve(kind: str, param: str = "id") -> Deed:
    return lambda books, _params, wanted: Answer(200, books.get(kind, wanted, param))


_OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", "payment_intents"): Operation(
        "payment_intents.create", schemas.INTENT_CREATE, _without_id(intents.create), intents.check_create
    ),
    ("GET", "payment_intents"): Operation("payment_intents.list", schemas.INTENT_LIST, _without_id(lists.list_intents)),
    ("GET", "payment_intents/:id"): Operation(
        "payment_intents.retrieve", schemas.INTENT_RETRIEVE, _retrieve("payment_intent", "intent"), public=True
    ),
    ("POST", "payment_intents/:id"): Operation(
        "payment_intents.update", schemas.INTENT_UPDATE, intents.update, intents.check_update
    ),
    ("POST", "payment_intents/:id/confirm"): Operation(
        "payment_intents.confirm", schemas.INTENT_CONFIRM, intents.confirm, refuse_method_types, public=True
    ),
    ("POST", "payment_intents/:id/cancel"): Operation("payment_intents.cancel", schemas.INTENT_CANCEL, intents.cancel),
    ("POST", "payment_intents/:id/capture"): Operation(
        "payment_intents.capture", schemas.INTENT_CAPTURE, intents.capture
    ),
    ("GET", "charges"): Operation("charges.list", schemas.CHARGE_LIST, _without_id(lists.list_charges)),
    ("GET", "charges/:id"): Operation("charges.retrieve", schemas.RETRIEVE, _retrieve("charge")),
    ("POST", "refunds"): Operation(
        "refunds.create", schemas.REFUND_CREATE, _without_id(refunds.create), refunds.check_create
    ),
    ("GET", "refunds"): Operation("refunds.list", schemas.REFUND_LIST, _without_id(lists.list_refunds)),
    ("GET", "refunds/:id"): Operation("refunds.retrieve", schemas.RETRIEVE, _retrieve("refund")),
    ("POST", "refunds/:id"): Operation("refunds.update", schemas.REFUND_UPDATE, refunds.update),
    ("GET", "events"): Operation("events.list", schemas.EVENT_LIST, _without_id(lists.list_events)),
    ("GET", "events/:id"): Operation("events.retrieve", schemas.RETRIEVE, _retrieve("event")),
    ("POST", "checkout/sessions"): Operation(
        "checkout.sessions.create", checkout.CREATE, _without_id(sessions.create), checkout.check_create
    ),
    ("GET", "checkout/sessions"): Operation(
        "checkout.sessions.list", checkout.LISTED, _without_id(lists.list_sessions)
    ),
    ("GET", "checkout/sessions/:id"): Operation(
        "checkout.sessions.retrieve", schemas.RETRIEVE, _retrieve(sessions.KIND, "session")
    ),
    ("GET", "checkout/sessions/:id/line_items"): Operation(
        "checkout.sessions.line_items", checkout.LINE_ITEMS, lists.list_line_items
    ),
    ("POST", "checkout/sessions/:id/expire"): Operation("checkout.sessions.expire", schemas.RETRIEVE, sessions.expire),
    ("POST", "payment_methods"): Operation(
        "payment_methods.create", schemas.METHOD_CREATE, _without_id(methods.create_method), public=True
    ),
    ("GET", "payment_methods/:id"): Operation(
        "payment_methods.retrieve", schemas.RETRIEVE, _retrieve("payment_method", "payment_method")
    ),
}


def find_operation(method: str, path: str) -> tuple[Operation, str] | None:
    """The operation behind a path below `/v1/`, with the id in it (empty if there is none)."""
    parts = path.strip("/").split("/")
    nouns = 2 if parts[0] == "checkout" else 1
    wanted = parts[nouns] if len(parts) > nouns else ""
    pattern = "/".join([*parts[:nouns], *([":id"] if wanted else []), *parts[nouns + 1 :]])
    operation = _OPERATIONS.get((method, pattern))
    return None if operation is None else (operation, wanted)
