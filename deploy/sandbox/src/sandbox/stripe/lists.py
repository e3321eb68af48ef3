"""Lists by cursor, newest first, and ids expanded to their objects.

Follows docs.stripe.com/api/pagination and docs.stripe.com/api/expanding_objects.
"""

from sandbox.provider import JsonObject
from sandbox.stripe.books import Books
from sandbox.stripe.errors import Answer, ParamsError

_DEFAULT_LIMIT, _LARGEST_LIMIT, _DEEPEST = 10, 100, 4
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_EXPANDABLE = {
    "latest_charge": "charge",
    "charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
}
_EMPTY_HERE = frozenset(
    """balance_transaction customer review on_behalf_of application invoice payment_link setup_intent
    subscription""".split()
)
_PLACES = {"checkout.session": "/v1/checkout/sessions"}
_LINE_ITEMS = "line_items"


class Query:
    """An SQL condition that grows."""

    def __init__(self, kind: str) -> None:
        self.conditions = ["kind = ?"]
        self.values: list[object] = [kind]

    def also(self, condition: str, *values: object) -> None:
        """Narrow the list down."""
        self.conditions.append(condition)
        self.values.extend(values)


def page(books: Books, kind: str, params: JsonObject, query: Query) -> Answer:
    """One page of a list; `query` may already narrow it. Raises `StripeError`."""
    limit = _limit(params)
    _created(params.get("created"), query)
    backwards = params.get("ending_before") is not None
    if params.get("starting_after") is not None:
        query.also("seq < ?", books.place(kind, params["starting_after"], "starting_after"))
    if backwards:
        query.also("seq > ?", books.place(kind, params["ending_before"], "ending_before"))
    direction = "ASC" if backwards else "DESC"
    where = f"{' AND '.join(query.conditions)} ORDER BY seq {direction} LIMIT ?"
    found = books.select(where, [*query.values, limit + 1])
    data = found[:limit]
    if backwards:
        data.reverse()
    url = _PLACES.get(kind, f"/v1/{kind}s")
    return Answer(200, {"object": "list", "data": data, "has_more": len(found) > limit, "url": url})


def list_intents(books: Books, params: JsonObject) -> Answer:
    """GET /v1/payment_intents."""
    return page(books, "payment_intent", params, Query("payment_intent"))


def list_charges(books: Books, params: JsonObject) -> Answer:
    """GET /v1/charges."""
    return page(books, "charge", params, _of_parent("charge", params))


def list_refunds(books: Books, params: JsonObject) -> Answer:
    """GET /v1/refunds."""
    return page(books, "refund", params, _of_parent("refund", params))


def list_events(books: Books, params: JsonObject) -> Answer:
    """GET /v1/events; a type may end in `*` (docs.stripe.com/api/events/list)."""
    query = Query("event")
    wanted = [params["type"]] if params.get("type") else params.get("types") or []
    if wanted:
        query.also(f"({' OR '.join('label GLOB ?' for _ in wanted)})", *wanted)
    return page(books, "event", params, query)


def list_sessions(books: Books, params: JsonObject) -> Answer:
    """GET /v1/checkout/sessions (docs.stripe.com/api/checkout/sessions/list)."""
    query = _of_parent("checkout.session", params)
    for name in ("status", "customer", "payment_link", "subscription"):
        if params.get(name) is not None:
            query.also(f"json_extract(body, '$.{name}') = ?", params[name])
    email = (params.get("customer_details") or {}).get("email")
    if email is not None:
        query.also("json_extract(body, '$.customer_details.email') = ?", str(email))
    return page(books, "checkout.session", params, query)


def list_line_items(books: Books, params: JsonObject, session_id: str) -> Answer:
    """GET /v1/checkout/sessions/:id/line_items (docs.stripe.com/api/checkout/sessions/line_items)."""
    session = books.get("checkout.session", session_id, "session")
    query = Query("item")
    # The kind once more as a literal, for only then the index of items serves.
    query.also("kind = 'item' AND label = ?", session["id"])
    answer = page(books, "item", params, query)
    return Answer(200, answer.body | {"url": f"/v1/checkout/sessions/{session['id']}/{_LINE_ITEMS}"})


def _of_parent(kind: str, params: JsonObject) -> Query:
    query = Query(kind)
    for name, column in (("payment_intent", "intent"), ("charge", "charge")):
        if params.get(name) is not None:
            query.also(f"{column} = ?", params[name])
    return query


def _limit(params: JsonObject) -> int:
    limit = params.get("limit")
    if limit is None:
        return _DEFAULT_LIMIT
    if not 1 <= limit <= _LARGEST_LIMIT:
        bound = f"less than or equal to {_LARGEST_LIMIT}" if limit > 1 else "greater than or equal to 1"
        message = f"This value must be {bound} (it currently is '{limit}')."
        raise ParamsError(message, code="parameter_invalid_integer", param="limit")
    return int(limit)


def _created(given: object, query: Query) -> None:
    if given is None:
        return
    bounds = given.items() if isinstance(given, dict) else [("", given)]
    for name, value in bounds:
        sign = _COMPARISONS.get(name) if name else "="
        if sign is None or not str(value).isdigit():
            raise ParamsError("Invalid timestamp range", param="created")
        query.also(f"created {sign} ?", int(str(value)))


def expand(books: Books, body: JsonObject, paths: list[str]) -> JsonObject:
    """The answer with the named ids replaced by their objects. Raises `ParamsError`."""
    for path in paths:
        _expand(books, body, path.split(".")[:_DEEPEST], path)
    return body


def _expand(books: Books, thing: JsonObject, names: list[str], path: str) -> None:
    if not names:
        return
    name, rest = names[0], names[1:]
    if name == "data" and isinstance(thing.get("data"), list):
        for item in thing["data"]:
            _expand(books, item, rest, path)
        return
    if name == _LINE_ITEMS and thing.get("object") == "checkout.session":
        thing[name] = list_line_items(books, {}, thing["id"]).body
    value = thing.get(name)
    if isinstance(value, str) and name in _EXPANDABLE:
        thing[name] = value = books.get(_EXPANDABLE[name], value)
    elif value is None and name not in _EXPANDABLE and name not in _EMPTY_HERE:
        raise ParamsError(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(value, dict):
        _expand(books, value, rest, path)
