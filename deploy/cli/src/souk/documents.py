"""What is made from the code and checked for drift: OpenAPI, AsyncAPI, events, the Postman collection, Envoy's file."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.catalogue import asyncapi, schemas
from common.contracts import PRODUCERS, facts
from common.events import Event
from common.promises import broken
from souk.events_page import events_page
from souk.gateway.commands import configurations
from souk.home import ROOT
from souk.openapi import openapi
from souk.postman import collection

DOCS = ROOT / "docs"


def documents() -> dict[Path, str]:
    """Return every document by its file."""
    api = openapi()
    made: dict[Path, Mapping[str, Any]] = {
        DOCS / "openapi.json": api,
        DOCS / "asyncapi.json": asyncapi(),
        DOCS / "souk.postman_collection.json": collection(api),
    }
    made |= {DOCS / "events" / f"{wire}.schema.json": schema for wire, schema in schemas().items()}
    texts = {file: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for file, document in made.items()}
    return texts | configurations() | {DOCS / "events.md": events_page()}


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
