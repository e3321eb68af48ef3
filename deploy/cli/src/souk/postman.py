"""The Postman collection: a purchase that works, and every operation of the API with an example, by tag."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from souk.examples import ID
from souk.openapi import JSON, Operation, operations
from souk.purchase import Item, asking, purchase, scripted, signing_in

_SCHEMA: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_ABOUT: Final = """Made from the OpenAPI document by `souk contracts write`; `make newman` runs it.

`base_url` says where the system is. The folder *A purchase* needs nothing else: it makes a buyer of its own and pays in
the sandbox. The other folders act as `staff_email` with `staff_password`: sign in as them first."""
_VARIABLES: Final = {
    "base_url": "http://127.0.0.1:8000",
    "sandbox_url": "{{base_url}}/sandbox",
    "staff_email": "admin@souk.test",
    "staff_password": "",
}
# Things are made before they are shown, changed and taken away.
_ORDER: Final = ("post", "get", "patch", "put", "delete")
# What an order is made of has to be for sale; what the catalogue's own folder makes is taken away in the end.
_BODIES: Final = {"product_id": "{{bought_product_id}}", "refresh_token": "{{refresh_token}}"}
_FORMS: Final = {"application/x-www-form-urlencoded": "urlencoded", "multipart/form-data": "formdata"}


def collection(api: dict[str, Any]) -> dict[str, Any]:
    """Return the collection (format 2.1) for an OpenAPI document."""
    folders = [_folder(api, tag) for tag in api["tags"]]
    variables = _VARIABLES | {name: _value(schema) for name, schema in _places(api)}
    return {
        "info": {"name": "Souk", "description": _ABOUT, "schema": _SCHEMA},
        "auth": _bearer("token"),
        "variable": [{"key": key, "value": value} for key, value in variables.items()],
        "item": [purchase(), signing_in(), *folders],
    }


def _folder(api: dict[str, Any], tag: Mapping[str, str]) -> Item:
    mine = [
        (path, method, operation) for path, method, operation in operations(api) if tag["name"] in operation["tags"]
    ]
    ordered = sorted(mine, key=lambda row: (_ORDER.index(row[1]), row[0].count("{")))
    items = [_request(path, method, operation) for path, method, operation in ordered]
    return {"name": tag["name"], "description": tag["description"], "auth": _bearer("staff_token"), "item": items}


def _request(path: str, method: str, operation: Operation) -> Item:
    request: Item = {
        "method": method.upper(),
        "url": _url(path, operation),
        "header": [*_headers(operation)],
        "description": operation.get("description", ""),
    }
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    if body := _body(operation):
        request["body"] = body
        request["header"] += [{"key": "Content-Type", "value": JSON}] if body["mode"] == "raw" else []
    return scripted({"name": operation["summary"], "request": request}, test=[*_tests(path, operation)])


def _url(path: str, operation: Operation) -> Item:
    here = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "path"]
    asked = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "query"]
    told = path
    for parameter in here:
        told = told.replace(f"{{{parameter['name']}}}", f":{parameter['name']}")
    return asking(told) | {
        "variable": [{"key": p["name"], "value": f"{{{{{p['name']}}}}}"} for p in here],
        "query": [
            {"key": p["name"], "value": str(_value(p["schema"])), "disabled": not p.get("required")} for p in asked
        ],
    }


def _headers(operation: Operation) -> Iterator[Item]:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header":
            value = {"Idempotency-Key": "{{$guid}}", "Prefer": "wait=0"}.get(parameter["name"])
            yield {"key": parameter["name"], "value": value or "", "disabled": value is None}


def _body(operation: Operation) -> Item | None:
    for kind, told in operation.get("requestBody", {}).get("content", {}).items():
        if kind == JSON:
            text = json.dumps(_filled(told.get("example", {})), indent=2, ensure_ascii=False)
            return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
        if kind in _FORMS:
            return {"mode": _FORMS[kind], _FORMS[kind]: []}
    return None


def _filled(example: object, name: str = "") -> object:
    """Put variables where an example names a thing."""
    if isinstance(example, dict):
        return {key: _filled(value, key) for key, value in example.items()}
    if isinstance(example, list):
        return [_filled(value, name) for value in example]
    return _BODIES.get(name, f"{{{{{name}}}}}" if example == ID else example)


def _tests(path: str, operation: Operation) -> Iterator[str]:
    statuses = ", ".join(status for status in operation["responses"] if status < "500")
    yield f'pm.test("a documented answer", () => pm.expect(pm.response.code).to.be.oneOf([{statuses}]));'
    yield "if (pm.response.code >= 400) {"
    yield '    const kind = pm.response.headers.get("Content-Type");'
    yield '    pm.test("a refusal says why", () => pm.expect(kind).to.match(/problem|html/));'
    yield "}"
    for link in operation["responses"].get("201", {}).get("links", {}).values():
        (name,) = link["parameters"]
        yield f'if (pm.response.code === 201) pm.collectionVariables.set("{name}", pm.response.json().id);'
        return
    if path.endswith(("/login", "/refresh")):
        yield "const { refresh_token } = pm.response.json();"
        yield 'if (refresh_token) pm.collectionVariables.set("refresh_token", refresh_token);'


def _places(api: dict[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for _, _, operation in operations(api):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                yield parameter["name"], parameter["schema"]


def _value(schema: Mapping[str, Any]) -> object:
    first = schema.get("anyOf", [schema])[0]
    return schema.get("default") or first.get("enum", [ID if first.get("format") == "uuid" else ""])[0]


def _bearer(variable: str) -> Item:
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}]}
