"""Examples for the OpenAPI document: written here where a request has to make sense, made from the schema elsewhere."""

from collections.abc import Mapping
from typing import Any, Final

ID: Final = "01a1fd1b-c756-7138-b9a1-1123c0c82637"
_MONEY: Final = {"amount": 2599, "currency": "USD"}
# Whole bodies, by the name of their schema.
BODIES: Final[Mapping[str, Any]] = {
    "CategoryChanges": {"name": "Prints", "position": 1},
    "HandBack": {
        "razorpay_order_id": "order_Q5xT1vq0Zs7eYh",
        "razorpay_payment_id": "pay_Q5xUz2mJc8kWdA",
        "razorpay_signature": "9ef4dffbfd84f1318f6739a3ce19f9d85851857ae648f114332d8401e0949a3d",
    },
    "LoginIn": {"email": "customer@souk.test", "password": "buy-me-a-picture"},
    "NewAsset": {"asset_id": ID},
    "NewCategory": {"name": "Prints"},
    "NewProduct": {
        "kind": "digital",
        "name": "Harbour at dawn",
        "description": "A photograph, 6000 by 4000 pixels.",
        "price": _MONEY,
        "tags": ["harbour", "dawn"],
    },
    "NewUpload": {"name": "harbour.jpg", "content_type": "image/jpeg", "size": 4_194_304},
    "PlaceOrder": {
        "items": [{"product_id": ID, "quantity": 1}],
        "payment": {"provider": "stripe", "flow": "intent"},
    },
    "PaymentIn": {"provider": "razorpay", "flow": "checkout"},
    "ProductChanges": {"price": {"amount": 1999, "currency": "USD"}, "tags": ["harbour"]},
    "RefreshIn": {"refresh_token": "nZ0cVJm3h3yqk1b2vX7r5wS8tYdLfQeA"},
    "Refund": {"reason": "The picture is too dark."},
    "RegisterIn": {"name": "Ada Lovelace", "email": "ada@example.com", "password": "engines-can-weave"},
    "RenameIn": {"name": "Ada King"},
    "Ship": {"tracking": "1Z 999 AA1"},
    "StockChange": {"delta": 25, "reason": "A parcel from the printer"},
    "UserChangesIn": {"roles": ["customer", "seller"]},
}
# Values of fields by their name, where they fit the schema's type.
_VALUES: Final[Mapping[str, Any]] = {
    "access_token": "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMWExIn0.c2ln",
    "amount": 2599,
    "category": "Prints",
    "currency": "USD",
    "description": "A photograph, 6000 by 4000 pixels.",
    "email": "ada@example.com",
    "expires_in": 600,
    "flow": "intent",
    "kind": "digital",
    "name": "Harbour at dawn",
    "number": "S-7K2M9QXA",
    "provider": "stripe",
    "quantity": 1,
    "reason": "The picture is too dark.",
    "roles": ["customer"],
    "slug": "harbour-at-dawn",
    "status": "active",
    "tags": ["harbour", "dawn"],
    "version": 1,
}
_FORMATS: Final[Mapping[str, str]] = {
    "uuid": ID,
    "date-time": "2026-02-03T09:30:00Z",
    "date": "2026-02-03",
    "uri": "https://example.com/",
}
_TYPES: Final[Mapping[str, Any]] = {"boolean": False, "string": "text", "object": {}, "null": None}


class Examples:
    """Makes examples for the schemas of a document."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def of(self, schema: Mapping[str, Any], name: str = "", *, whole: bool = False) -> Any:  # noqa: ANN401 - JSON
        """Return an example; `whole` has every property, otherwise only those that are required."""
        if "$ref" in schema:
            title = schema["$ref"].rsplit("/", 1)[-1]
            return BODIES[title] if title in BODIES else self.of(self._schemas[title], name, whole=whole)
        for fixed in ("const", "default"):
            if schema.get(fixed) is not None and "properties" not in schema:
                return schema[fixed]
        if "anyOf" in schema:
            return self.of(schema["anyOf"][0], name, whole=whole)
        return self._plain(schema, name, whole=whole)

    def _plain(self, schema: Mapping[str, Any], name: str, *, whole: bool) -> Any:  # noqa: ANN401 - JSON
        if "enum" in schema:
            return schema["enum"][0]
        if "properties" in schema:
            wanted = schema["properties"] if whole else schema.get("required", ())
            return {field: self.of(schema["properties"][field], field, whole=whole) for field in wanted}
        kind = schema.get("type", "object")
        if name in _VALUES and type(_VALUES[name]) is _PYTHON.get(kind):
            return _VALUES[name]
        if kind == "array":
            return [self.of(schema["items"], name, whole=whole)]
        if kind in {"integer", "number"}:
            return schema.get("minimum", 0)
        return _FORMATS.get(schema.get("format", ""), _TYPES.get(kind))


_PYTHON: Final = {"string": str, "integer": int, "array": list, "object": dict, "boolean": bool}
