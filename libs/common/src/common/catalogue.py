"""The facts as documents: a JSON schema per event, and the AsyncAPI 3 description of who tells what."""

from typing import Any

from common.contracts import PRODUCERS, facts
from common.events import Event

_BIND = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each event's data, by wire name."""
    return {fact.wire: _schema(fact) for producer in PRODUCERS for fact in facts(producer)}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document: a channel and a message per event, and for each producer what it sends."""
    told = [(producer, fact) for producer in PRODUCERS for fact in facts(producer)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Souk events",
            "version": "1",
            "description": "CloudEvents 1.0, structured JSON, on the topic exchange `events`. Routing key: the type.",
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"broker": {"host": "localhost:5672", "protocol": "amqp"}},
        "channels": {fact.wire: _channel(fact) for _, fact in told},
        "operations": {f"{producer}.{fact.wire}": _operation(fact) for producer, fact in told},
        "components": {
            "messages": {fact.wire: _message(producer, fact) for producer, fact in told},
            "schemas": {"CloudEvent": _ENVELOPE},
        },
    }


def _schema(fact: type[Event]) -> dict[str, Any]:
    return {
        "$schema": _BIND,
        "$id": f"urn:souk:{fact.wire}:{fact.version}",
        **fact.model_json_schema(mode="serialization"),
    }


def _channel(fact: type[Event]) -> dict[str, Any]:
    return {
        "address": fact.wire,
        "messages": {fact.wire: {"$ref": f"#/components/messages/{fact.wire}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": {"name": "events", "type": "topic", "durable": True}}},
    }


def _operation(fact: type[Event]) -> dict[str, Any]:
    pointer = f"#/channels/{fact.wire}"
    return {"action": "send", "channel": {"$ref": pointer}, "messages": [{"$ref": f"{pointer}/messages/{fact.wire}"}]}


def _message(producer: str, fact: type[Event]) -> dict[str, Any]:
    data = {"type": {"const": fact.wire}, "source": {"pattern": f"^/{producer}(/\\d+)?$"}, "data": _inline(fact)}
    return {
        "name": fact.wire,
        "title": fact.__name__,
        "summary": " ".join((fact.__doc__ or "").split()),
        "contentType": "application/cloudevents+json",
        "payload": {"allOf": [{"$ref": "#/components/schemas/CloudEvent"}, {"type": "object", "properties": data}]},
    }


def _inline(fact: type[Event]) -> dict[str, Any]:
    template = f"#/components/messages/{fact.wire}/payload/allOf/1/properties/data/$defs/{{model}}"
    return fact.model_json_schema(mode="serialization", ref_template=template)


_TEXT = {"type": "string"}
_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "type", "source", "subject", "time", "sequence", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "format": "uuid", "description": "UUIDv7; the same fact always has the same id."},
        "type": {"type": "string", "description": "The event type, and the routing key."},
        "source": {"type": "string", "description": "The producer, such as /orders."},
        "subject": {"type": "string", "description": "The aggregate's id."},
        "time": {"type": "string", "format": "date-time"},
        "dataschema": {"type": "string", "description": "urn:souk:<type>:<version>"},
        "datacontenttype": {"const": "application/json"},
        "sequence": {"type": "string", "pattern": "^[0-9]{20}$", "description": "Dense per source."},
        "correlationid": {"type": "string", "description": "The request that began it all."},
        "causationid": {"type": "string", "description": "The event that caused this one."},
        "partitionkey": {"type": "string", "description": "What relates this fact to its neighbours: an order's id."},
        "channel": {"enum": ["API", "WEBHOOK", "SYSTEM"]},
        "authtype": _TEXT,
        "authid": _TEXT,
        "traceparent": _TEXT,
        "data": {"type": "object"},
    },
}
