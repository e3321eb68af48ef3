"""The table of what the stand-in's API can do: method and path, name, parameters, deed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sandbox.provider import JsonObject
from sandbox.razorpay import lists, orders, payments, refunds
from sandbox.razorpay.access import KeyPair
from sandbox.razorpay.books import Books
from sandbox.razorpay.errors import unknown_id
from sandbox.razorpay.params import Kind, Schema, require


@dataclass(frozen=True)
class Asked:
    """What an operation is asked: its parameters, the ids in its path, and by whom."""

    params: JsonObject
    ids: tuple[str, ...]
    key: KeyPair


Deed = Callable[[Books, Asked], JsonObject]


@dataclass(frozen=True)
class Operation:
    """One operation; `idempotent` ones honour X-Refund-Idempotency."""

    name: str
    schema: Schema
    run: Deed
    idempotent: bool = False


_PAGE: Final = {"from": Kind.INTEGER, "to": Kind.INTEGER, "count": Kind.INTEGER, "skip": Kind.INTEGER}
_EXPAND: Final = {"expand[]": Kind.ANY}
_NOTES: Final = {"notes": Kind.NOTES}
_ORDER: Final = {
    "amount": Kind.INTEGER, "currency": Kind.TEXT, "receipt": Kind.TEXT, "unique_receipt": Kind.BOOLEAN,
    "partial_payment": Kind.BOOLEAN, "first_payment_min_amount": Kind.INTEGER, "payment_capture": Kind.BOOLEAN,
    "payment": Kind.OBJECT, "customer_id": Kind.TEXT, "customer_details": Kind.OBJECT, "method": Kind.TEXT, **_NOTES,
}  # fmt: skip
_REFUND: Final = {"amount": Kind.INTEGER, "speed": Kind.TEXT, "receipt": Kind.TEXT, **_NOTES}


def _fetch(kind: str) -> Deed:
    return lambda books, asked: books.get(kind, asked.ids[0])


def _edit(kind: str) -> Deed:
    def edit(books: Books, asked: Asked) -> JsonObject:
        """Replace the notes, the one thing that may be changed (razorpay.com/docs/api/orders/update)."""
        require(asked.params, "notes")
        return books.save(books.get(kind, asked.ids[0]) | {"notes": asked.params["notes"] or []})

    return edit


def _refund_of(books: Books, asked: Asked) -> JsonObject:
    payment, refund = books.get("payment", asked.ids[0]), books.get("refund", asked.ids[1])
    if refund["payment_id"] != payment["id"]:
        raise unknown_id()
    return refund


def _card_of(books: Books, asked: Asked) -> JsonObject:
    card: JsonObject = books.get("payment", asked.ids[0])["card"]
    return card


_OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "orders"): Operation("orders.create", _ORDER, lambda b, a: orders.create(b, a.params, a.key)),
    ("GET", "orders"): Operation(
        "orders.list",
        {**_PAGE, **_EXPAND, "receipt": Kind.TEXT, "authorized": Kind.BOOLEAN},
        lambda b, a: lists.orders(b, a.params),
    ),
    ("GET", "orders/:id"): Operation("orders.fetch", _EXPAND, _fetch("order")),
    ("PATCH", "orders/:id"): Operation("orders.edit", _NOTES, _edit("order")),
    ("GET", "orders/:id/payments"): Operation("orders.payments", _EXPAND, lambda b, a: lists.payments_of(b, a.ids[0])),
    ("GET", "payments"): Operation("payments.list", _PAGE | _EXPAND, lambda b, a: lists.payments(b, a.params)),
    ("GET", "payments/:id"): Operation("payments.fetch", _EXPAND, _fetch("payment")),
    ("PATCH", "payments/:id"): Operation("payments.edit", _NOTES, _edit("payment")),
    ("GET", "payments/:id/card"): Operation("payments.card", {}, _card_of),
    ("POST", "payments/:id/capture"): Operation(
        "payments.capture",
        {"amount": Kind.INTEGER, "currency": Kind.TEXT},
        lambda b, a: payments.capture(b, a.params, a.ids[0]),
    ),
    ("POST", "payments/:id/refund"): Operation(
        "payments.refund", _REFUND, lambda b, a: refunds.create(b, a.params, a.ids[0]), idempotent=True
    ),
    ("GET", "payments/:id/refunds"): Operation(
        "payments.refunds", _PAGE, lambda b, a: lists.refunds(b, a.params, a.ids[0])
    ),
    ("GET", "payments/:id/refunds/:id"): Operation("payments.refund_fetch", {}, _refund_of),
    ("POST", "refunds"): Operation(
        "refunds.create",
        {**_REFUND, "payment_id": Kind.TEXT},
        lambda b, a: refunds.create_from_body(b, a.params),
        idempotent=True,
    ),
    ("GET", "refunds"): Operation("refunds.list", _PAGE, lambda b, a: lists.refunds(b, a.params)),
    ("GET", "refunds/:id"): Operation("refunds.fetch", {}, _fetch("refund")),
    ("PATCH", "refunds/:id"): Operation("refunds.edit", _NOTES, _edit("refund")),
}


def find_operation(method: str, path: str) -> tuple[Operation, tuple[str, ...]] | None:
    """The operation behind a path below `/v1/`, with the ids in it."""
    parts = path.strip("/").split("/")
    pattern = "/".join(":id" if place % 2 else part for place, part in enumerate(parts))
    operation = _OPERATIONS.get((method, pattern))
    return None if operation is None else (operation, tuple(parts[1::2]))
