"""The contracts: frozen once committed, told under one name each, and with no secret or address in the clear."""

import copy
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from common.catalogue import asyncapi, schemas
from common.contracts import PRODUCERS, facts
from common.contracts.orders import OrderPaid
from common.contracts.payments import PaymentOpened
from common.events import Envelope, Event, new_id
from common.promises import broken, exposed
from common.sealed import Sealed

COMMITTED = {
    file.name.removesuffix(".schema.json"): json.loads(file.read_text())
    for file in (Path(__file__).parents[3] / "docs" / "events").glob("*.schema.json")
}
FACTS = [fact for producer in PRODUCERS for fact in facts(producer)]


def wire(fact):
    return fact.wire


@pytest.mark.parametrize("name", sorted(COMMITTED))
def test_nothing_is_taken_from_the_readers_of_a_committed_event(name):
    assert list(broken(COMMITTED[name], schemas()[name])) == []


def test_every_event_is_committed():
    assert COMMITTED.keys() == {fact.wire for fact in FACTS}
    assert len(COMMITTED) == len(FACTS)


def changed(change):
    new = copy.deepcopy(COMMITTED["order.paid"])
    change(new)
    return list(broken(COMMITTED["order.paid"], new))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda new: new["properties"].pop("number"), "number is gone"),
        (lambda new: new["properties"]["number"].update(type="integer"), "number is not what it was"),
        (lambda new: new["properties"]["number"].update(maxLength=5), "number is not what it was"),
        (lambda new: new["properties"]["payment_id"]["anyOf"].pop(), "payment_id is not what it was"),
        (lambda new: new["required"].remove("number"), "number may be missing now"),
        (
            lambda new: (new["properties"].update(tip={"type": "integer"}), new["required"].append("tip")),
            "tip is required, and older facts may lack it",
        ),
        (lambda new: new["$defs"]["Money"]["properties"].pop("currency"), "Money.currency is gone"),
        (lambda new: new["$defs"]["Line"]["properties"]["quantity"].update(type="number"), "Line.quantity is not what"),
        (lambda new: new["$defs"].pop("Line"), "Line.quantity is gone"),
        (lambda new: new.update({"$id": "urn:souk:order.paid:2"}), "the whole has another type or version"),
        (lambda new: new.update(type="array"), "the whole has another type or version"),
        (lambda new: new.update(additionalProperties=False), "the whole has another type or version"),
    ],
)
def test_a_change_that_a_reader_would_notice_breaks_the_contract(change, said):
    assert any(sentence.startswith(said) for sentence in changed(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["properties"].update(tip={"type": "integer", "default": 0}),
        lambda new: new["$defs"]["Line"]["properties"].update(colour={"type": "string"}),
        lambda new: new["$defs"].update(Gift={"type": "object"}),
        lambda new: new.update(description="Said in other words.", title="Renamed"),
        lambda new: new["properties"]["number"].update(title="Nr", description="What people call it."),
        lambda new: new["$defs"]["Money"].update(description="Said in other words."),
    ],
)
def test_optional_fields_and_other_words_may_join(change):
    assert changed(change) == []


def test_a_field_called_title_is_a_field():
    old = {"properties": {"box": {"properties": {"title": {"type": "string"}}}}}
    new = {"properties": {"box": {"properties": {"title": {"type": "integer"}}}}}
    assert list(broken(old, new)) == ["box is not what it was"]


@pytest.mark.parametrize("fact", FACTS, ids=wire)
def test_no_secret_and_nothing_personal_travels_in_the_clear(fact):
    assert list(exposed(fact)) == []


class Parcel(BaseModel):
    street: str | None = None
    lid: Sealed[str]


class Sent(Event, wire="parcel.sent", subject="id"):
    id: UUID
    client_secret: Sealed[str] | None = None
    reset_token: str | None = None
    key_id: str = ""
    Email: str = ""
    parcels: list[Parcel]


class Moved(Event, wire="user.moved", subject="user_id"):
    user_id: UUID
    email: str
    password: str


def test_a_secret_or_an_address_that_is_not_sealed_is_refused():
    assert list(exposed(Sent)) == ["Sent.reset_token", "Sent.Email", "Parcel.street"]


def test_only_facts_about_users_carry_addresses_and_not_even_they_a_secret():
    assert list(exposed(Moved)) == ["Moved.password"]


@pytest.mark.parametrize("fact", FACTS, ids=wire)
def test_every_fact_is_frozen_and_says_where_it_belongs(fact):
    assert fact.model_config["frozen"]
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", fact.wire)
    assert {fact.subject_field, fact.partition_field} <= fact.model_fields.keys()
    assert fact.__doc__


def test_a_told_fact_cannot_be_changed():
    opened = paid()
    with pytest.raises(ValidationError, match="frozen"):
        opened.number = "S-2"


def paid(**more):
    data = {
        "order_id": new_id(),
        "number": "S-1",
        "user_id": new_id(),
        "payment_id": None,
        "lines": [],
        "total": {"amount": 1, "currency": "USD"},
    }
    return OrderPaid.model_validate(data | more)


def test_readers_are_tolerant_of_what_they_do_not_know():
    assert paid(colour="red", total={"amount": 1, "currency": "USD", "shade": 2}).total.amount == 1


def test_a_sealed_secret_reads_as_text_and_prints_as_nothing():
    opened = PaymentOpened.model_validate(
        {
            "payment_id": new_id(),
            "order_id": new_id(),
            "attempt": 1,
            "provider": "stripe",
            "flow": "intent",
            "amount": {"amount": 1, "currency": "USD"},
            "provider_ref": "pi_1",
            "client_secret": "pi_1_in_a_seal",
        }
    )
    assert "in_a_seal" not in repr(opened)
    assert "in_a_seal" in opened.model_dump_json()
    assert opened.partition == str(opened.order_id) != opened.subject


def test_the_description_names_every_event_once_and_refers_only_to_what_it_has():
    document = asyncapi()
    wires = {fact.wire for fact in FACTS}
    assert document["channels"].keys() == document["components"]["messages"].keys() == wires
    assert {name.partition(".")[2] for name in document["operations"]} == wires
    for reference in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(document)):
        found = document
        for part in reference.split("/"):
            found = found[int(part)] if isinstance(found, list) else found[part]
        assert found


def test_an_envelope_has_the_attributes_the_description_tells_of():
    told = json.loads(Envelope(new_id(), "a.b", "/a", "1", datetime.now(UTC), {}, sequence=1).encode())
    described = asyncapi()["components"]["schemas"]["CloudEvent"]
    assert told.keys() <= described["properties"].keys()
    assert set(described["required"]) - told.keys() == {"sequence"}
