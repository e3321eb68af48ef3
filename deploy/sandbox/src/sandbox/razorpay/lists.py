"""Collections by time and place, newest first (razorpay.com/docs/api/orders/fetch-all)."""

from typing import Final

from sandbox.provider import JsonObject
from sandbox.razorpay.books import Books
from sandbox.razorpay.errors import invalid

_DEFAULT_COUNT, _MOST = 10, 100
_HAS_AUTHORIZED: Final = (
    "EXISTS (SELECT 1 FROM razorpay_objects AS p WHERE p.parent = razorpay_objects.id AND p.kind = 'payment'"
    " AND json_extract(p.body, '$.status') = 'authorized')"
)


def collection(items: list[JsonObject]) -> JsonObject:
    """The shape of all lists."""
    return {"entity": "collection", "count": len(items), "items": items}


def orders(books: Books, params: JsonObject) -> JsonObject:
    """GET /v1/orders; `expand[]=payments` puts each order's payments into it."""
    conditions: list[tuple[str, object]] = []
    if "receipt" in params:
        conditions.append(("receipt = ?", params["receipt"]))
    if "authorized" in params:
        conditions.append((f"{_HAS_AUTHORIZED} = ?", int(params["authorized"])))
    found = _page(books, "order", params, conditions)
    if any(str(path).startswith("payments") for path in params.get("expand[]", [])):
        found = [{**order, "payments": collection(books.payments_of(order["id"]))} for order in found]
    return collection(found)


def payments(books: Books, params: JsonObject) -> JsonObject:
    """GET /v1/payments."""
    return collection(_page(books, "payment", params, []))


def refunds(books: Books, params: JsonObject, payment_id: str | None = None) -> JsonObject:
    """GET /v1/refunds and GET /v1/payments/:id/refunds."""
    if payment_id is None:
        return collection(_page(books, "refund", params, []))
    books.get("payment", payment_id)
    return collection(_page(books, "refund", params, [("parent = ?", payment_id)]))


def payments_of(books: Books, order_id: str) -> JsonObject:
    """GET /v1/orders/:id/payments."""
    return collection(books.payments_of(books.get("order", order_id)["id"]))


def _page(books: Books, kind: str, params: JsonObject, conditions: list[tuple[str, object]]) -> list[JsonObject]:
    count, skip = params.get("count", _DEFAULT_COUNT), params.get("skip", 0)
    if not 1 <= count <= _MOST:
        raise invalid("count", f"The count must be between 1 and {_MOST}.")
    if skip < 0:
        raise invalid("skip", "The skip must be at least 0.")
    wanted = [("kind = ?", kind), *conditions]
    wanted += [(f"created {sign} ?", params[name]) for name, sign in (("from", ">="), ("to", "<=")) if name in params]
    where = " AND ".join(condition for condition, _ in wanted)
    return books.select(f"{where} ORDER BY seq DESC LIMIT ? OFFSET ?", [*(value for _, value in wanted), count, skip])
