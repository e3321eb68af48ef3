"""The documents made from the code and checked for drift: OpenAPI, AsyncAPI, schemas of the events."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.catalogue import asyncapi, schemas
from common.contracts import PRODUCERS, facts
from common.events import Event
from common.promises import broken
from common.testing import seal_settings
from souk.home import ROOT, SERVICES
from souk.services import BUILDERS

DOCS = ROOT / "docs"
_TITLE = "Souk"
_VERSION = "1"


def openapi() -> dict[str, Any]:
    """Return the merged OpenAPI document of all services."""
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": _VERSION, "description": "One API over independent services."},
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "security": [{"bearer": []}],
    }
    for service in SERVICES:
        _merge(merged, service, of_service(service))
    return merged


def documents() -> dict[Path, str]:
    """Return every document by its file."""
    made: dict[Path, Mapping[str, Any]] = {DOCS / "openapi.json": openapi(), DOCS / "asyncapi.json": asyncapi()}
    made |= {DOCS / "events" / f"{wire}.schema.json": schema for wire, schema in schemas().items()}
    return {file: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for file, document in made.items()}


def every_fact() -> Iterator[type[Event]]:
    """Yield every event type there is."""
    for producer in PRODUCERS:
        yield from facts(producer)


def drifted() -> Iterator[Path]:
    """Yield the files that are not what the code says."""
    made = documents()
    for file, text in made.items():
        if not file.exists() or file.read_text() != text:
            yield file
    yield from (file for file in sorted((DOCS / "events").glob("*.schema.json")) if file not in made)


def taken(folder: Path = DOCS / "events") -> Iterator[str]:
    """Yield what the code takes from the readers of the schemas in a folder, a sentence each."""
    for wire, schema in schemas().items():
        if (file := folder / f"{wire}.schema.json").exists():
            yield from (f"{wire}: {what}" for what in broken(json.loads(file.read_text()), schema))


def write() -> None:
    """Write every document and delete those of events that are no more."""
    made = documents()
    for file, text in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for file in drifted():
        file.unlink()


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


def _merge(merged: dict[str, Any], service: str, document: dict[str, Any]) -> None:
    known = merged["components"]["schemas"]
    renamed = {
        name: f"{service.capitalize()}{name}"
        for name, schema in document.get("components", {}).get("schemas", {}).items()
        if known.get(name, schema) != schema
    }
    text = json.dumps(document)
    for name, other in renamed.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{other}"')
    document = json.loads(text)
    merged["paths"] |= document["paths"]
    known |= {
        renamed.get(name, name): schema for name, schema in document.get("components", {}).get("schemas", {}).items()
    }
