"""The merged OpenAPI document of all services, with examples, and links from what is made to what it is good for."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from common.testing import seal_settings
from souk.examples import ID, Examples
from souk.home import SERVICES
from souk.services import BUILDERS

JSON: Final = "application/json"
_TAGS: Final = {
    "auth": "Accounts, sessions and the keys of access tokens",
    "users": "Who has an account",
    "catalog": "Products, their variants, prices, stock and categories",
    "downloads": "What buyers may fetch",
    "orders": "Placing, paying, ending orders",
    "payments": "Payments, the providers' webhooks, and where buyers come back to",
    "notifications": "Mails that were sent",
}
_PLACE: Final = re.compile(r"/\{(\w+)\}")
Operation = dict[str, Any]


def openapi() -> dict[str, Any]:
    """Return the merged OpenAPI document of all services."""
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Souk",
            "version": "1",
            "description": "One API over independent services.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "http://127.0.0.1:8000", "description": "`make run`"}],
        "tags": [],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    documents = {service: of_service(service) for service in SERVICES}
    ambiguous = _ambiguous(documents.values())
    for service, document in documents.items():
        _merge(merged, _renamed(document, {name: f"{service.capitalize()}{name}" for name in ambiguous}))
    used = {tag for _, _, operation in operations(merged) for tag in operation["tags"]}
    merged["tags"] = [{"name": tag, "description": _TAGS.get(tag, tag.capitalize())} for tag in sorted(used)]
    for path, method, operation in operations(merged):
        if method == "post" and "201" in operation["responses"]:
            _link(operation["responses"]["201"], path, merged)
        _show(operation, Examples(merged["components"]["schemas"]))
    return merged


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    """Yield every operation with its path and method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def of_service(service: str) -> dict[str, Any]:
    """Return one service's own OpenAPI document."""
    environ = {
        f"DATABASE_URL_{service.upper()}": "postgresql://nobody@127.0.0.1/none",
        "WIRE": "inprocess",
        "STRIPE_SECRET_KEY": "sk_test_document",
        "STRIPE_WEBHOOK_SECRET": "whsec_document",
        **seal_settings(service),
    }
    document: dict[str, Any] = BUILDERS[service](environ, None).app.openapi()
    return document


def _ambiguous(documents: Iterable[dict[str, Any]]) -> set[str]:
    """Return the names that stand for one thing here and for another there."""
    known: dict[str, Any] = {}
    schemas = [item for document in documents for item in document["components"]["schemas"].items()]
    return {name for name, schema in schemas if known.setdefault(name, schema) != schema}


def _renamed(document: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    text = json.dumps(document)
    for name, other in names.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{other}"')
    renamed: dict[str, Any] = json.loads(text)
    schemas = renamed["components"]["schemas"]
    for name in sorted(names.keys() & schemas.keys()):
        schemas[names[name]] = {**schemas.pop(name), "title": names[name]}
    return renamed


def _merge(merged: dict[str, Any], document: dict[str, Any]) -> None:
    merged["paths"] |= document["paths"]
    for kind in ("schemas", "securitySchemes"):
        merged["components"][kind] |= document["components"][kind]


def _link(response: dict[str, Any], path: str, merged: dict[str, Any]) -> None:
    """What was made has an id: every operation on a thing of that path takes it."""
    schema = response.get("content", {}).get(JSON, {}).get("schema", {})
    answered = schema.get("anyOf", [schema])[0].get("$ref", "").rsplit("/", 1)[-1]
    if "id" not in merged["components"]["schemas"].get(answered, {}).get("properties", {}):
        return
    for other, _, operation in operations(merged):
        place = _PLACE.match(other.removeprefix(path)) if other.startswith(path) else None
        if place and len(_PLACE.findall(other)) == 1:
            response.setdefault("links", {})[operation["operationId"]] = {
                "operationId": operation["operationId"],
                "parameters": {place[1]: "$response.body#/id"},
            }


def _show(operation: Operation, examples: Examples) -> None:
    bodies = operation.get("requestBody", {}).get("content", {})
    if JSON in bodies and "$ref" in bodies[JSON]["schema"]:
        bodies[JSON]["example"] = examples.of(bodies[JSON]["schema"])
    for status, response in operation["responses"].items():
        told = response.get("content", {}).get(JSON)
        if told and status < "300":
            told["example"] = examples.of(told["schema"], whole=True)
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["schema"].get("format") == "uuid":
            parameter["example"] = ID
