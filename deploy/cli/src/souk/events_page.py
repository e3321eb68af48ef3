"""The page about the events, docs/events.md: who tells what, who hears it, and what each field means."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from common.catalogue import schemas
from common.contracts import PRODUCERS, facts
from common.events import Event
from souk.topology import hearers

# A name means the same in every event.
MEANINGS: Final[Mapping[str, str]] = {
    "account": "a hash of the address that was tried",
    "active": "whether it is for sale",
    "amount": "how much",
    "asset_id": "the file",
    "attempt": "which try to pay this order: 1, 2, …",
    "body_sha256": "what was stored, as a hash",
    "capture": "what the money was: the order's, too much, or not what was asked for",
    "capture_ref": "the provider's name for the money that came",
    "captured_at": "when the provider had the money",
    "checkout_url": "the provider's page to pay on",
    "client_secret": "what the buyer's browser pays with, sealed for orders",
    "code": "the mail server's reply",
    "content_type": "what kind of file it is",
    "created_at": "when the order was placed",
    "delivery_id": "the stored webhook",
    "email": "the address",
    "event_ref": "the provider's name for its event",
    "expected": "what was asked for",
    "expires_at": "when it ends unless it is paid",
    "file_id": "the file",
    "final": "whether nothing more can come of this payment",
    "flow": "how the buyer pays there",
    "found": "what the provider has",
    "free": "pieces that may still be sold",
    "grant_id": "the right to download",
    "height": "of an image, in pixels",
    "images": "addresses of pictures, the first is the thumbnail",
    "into": "how the order is to end",
    "kind": "what is sold",
    "licence": "what the buyer may do with it",
    "line_id": "the line of the order",
    "line_ids": "the lines that were sent",
    "lines": "what is bought, each at its frozen price; where money goes back, the ids of the lines taken back",
    "max_quantity": "the most pieces in one order",
    "min_quantity": "the fewest pieces in one order",
    "name": "what it is called",
    "notification_id": "the mail",
    "number": "the order's number, as people read it",
    "order_id": "the order",
    "owner_id": "the seller whose it is",
    "payment_id": "the payment, one attempt of an order",
    "price": "the ordinary price now",
    "prices": "the price now in each currency",
    "product_id": "the product",
    "provider": "who takes the money",
    "provider_ref": "the provider's name for the payment",
    "razorpay": "what Razorpay's window is opened with",
    "reason": "why, in a word for programs or a sentence of support's",
    "refund_id": "the refund: it happens once",
    "reuse": "whether a used refresh token came back",
    "roles": "what the user may do",
    "seller_id": "who sells it",
    "session_id": "the family of refresh tokens",
    "size": "in bytes",
    "template": "which mail",
    "threshold": "the number of pieces below which the seller wants to hear",
    "total": "the sum of the lines",
    "total_refunded": "all that went back of this order until now",
    "tracking": "the parcel's number",
    "try_ref": "the provider's name for the try that failed",
    "type": "the provider's word for what happened",
    "user_id": "the user; of an order, its buyer",
    "variant_id": "which form of the product; a plain product is its own",
    "variants": "the forms in which it is sold, each with its prices",
    "version_number": "the higher is the newer",
    "width": "of an image, in pixels",
    "whole": "whether all of the order's money is back",
}
_WORDS: Final = {"uuid": "id", "date-time": "time", "string": "text", "boolean": "yes or no"}
_HEAD: Final = """# Events

Made from `libs/common/src/common/contracts` by `souk contracts write`; do not edit.

Every event is a [CloudEvents 1.0](https://cloudevents.io) JSON envelope on the topic exchange `events`; its routing key
is its type. [asyncapi.json](asyncapi.json) has the envelope, [events/](events/) a JSON schema per event, and
[add-an-event.md](add-an-event.md) leads to another one. Readers pass over what they do not know: an optional field may
join, nothing else changes. *Nobody yet* means that no service listens: the event is for whoever comes.
"""


def events_page() -> str:
    """Return the page as Markdown."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield _HEAD
    heard = {wire: [h.service for h in hearers() if wire in h.types] for wire in schemas()}
    for producer in PRODUCERS:
        yield f"## {producer.capitalize()} tells\n"
        yield "| event | what has happened | heard by |\n|---|---|---|"
        for fact in facts(producer):
            listeners = ", ".join(heard[fact.wire]) or "*nobody yet*"
            yield f"| [`{fact.wire}`](#{_anchor(fact.wire)}) | {_sentence(fact)} | {listeners} |"
        yield ""
    yield "## What is in them\n"
    for producer in PRODUCERS:
        for fact in facts(producer):
            yield from _fields(fact, schemas()[fact.wire])


def _fields(fact: type[Event], schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {fact.wire}\n"
    yield f"{' '.join((fact.__doc__ or '').split())} Its subject is `{fact.subject_field}`.\n"
    yield "| field | type | meaning |\n|---|---|---|"
    for name, field in schema["properties"].items():
        optional = "" if name in schema.get("required", ()) else ", may be absent"
        yield f"| `{name}` | {_type(field, schema)}{optional} | {MEANINGS.get(name, '')} |"
    yield ""


def _type(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return _model(field["$ref"].rsplit("/", 1)[-1], schema)
    if "anyOf" in field:
        return " or ".join("null" if one.get("type") == "null" else _type(one, schema) for one in field["anyOf"])
    if "enum" in field:
        return " · ".join(f"`{word}`" for word in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'], schema)}"
    word = str(field.get("format") or field.get("type"))
    return _WORDS.get(word, word)


def _model(name: str, schema: Mapping[str, Any]) -> str:
    inner = schema["$defs"][name]
    return f"{name.lower()} {{{', '.join(inner['properties'])}}}"


def _sentence(fact: type[Event]) -> str:
    return " ".join((fact.__doc__ or "").split("\n\n")[0].split())


def _anchor(wire: str) -> str:
    return wire.replace(".", "")
