"""The documents made from the code: each example is valid, each event explained, each operation in the collection."""

import json
from typing import Any

import pytest

from common.contracts import PRODUCERS, facts
from souk.documents import DOCS
from souk.events_page import MEANINGS, events_page
from souk.examples import BODIES
from souk.openapi import JSON, openapi, operations
from souk.postman import collection

from .promises import validator


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return openapi()


def test_every_example_is_valid(api):
    for path, method, operation in operations(api):
        told = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (one["content"][JSON] for one in told if JSON in one.get("content", {})):
            if "example" in content:
                errors = [e.message for e in validator(api, content["schema"]).iter_errors(content["example"])]
                assert not errors, (method, path, content["example"])


def test_every_json_body_and_answer_has_an_example(api):
    for path, method, operation in operations(api):
        for status, told in operation["responses"].items():
            if status < "300" and JSON in told.get("content", {}):
                assert "example" in told["content"][JSON], (method, path)
    assert api["components"]["schemas"].keys() >= BODIES.keys()


def test_operations_have_names_that_a_client_can_use(api):
    names = [operation["operationId"] for _, _, operation in operations(api)]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


def test_every_refusal_is_a_problem(api):
    for path, method, operation in operations(api):
        for status, told in operation["responses"].items():
            assert status < "400" or "application/problem+json" in told["content"], (method, path, status)


def test_schemas_of_one_name_are_told_apart_by_their_service(api):
    schemas = api["components"]["schemas"]
    assert {"OrdersStatus", "PaymentsStatus"} <= schemas.keys()
    assert schemas["PaymentsStatus"]["title"] == "PaymentsStatus"
    assert '#/components/schemas/Status"' not in json.dumps(api)


def test_what_is_made_leads_to_what_can_be_done_with_it(api):
    links = api["paths"]["/api/v1/orders"]["post"]["responses"]["201"]["links"]
    assert links["orders_pay"]["parameters"] == {"order_id": "$response.body#/id"}


def test_every_operation_is_a_request_of_the_collection(api):
    made = collection(api)
    folders = {item["name"]: item["item"] for item in made["item"]}
    assert list(folders)[:2] == ["A purchase", "Sign in as staff"]
    requests = [request for tag in api["tags"] for request in folders[tag["name"]]]
    assert len(requests) == len(list(operations(api)))
    assert all(request["event"][0]["script"]["exec"] for request in requests)


def test_every_variable_of_the_collection_is_set_somewhere(api):
    made = collection(api)
    text = json.dumps(made).replace('\\"', '"')
    known = {variable["key"] for variable in made["variable"]}
    for part in text.split("{{")[1:]:
        name = part.partition("}}")[0]
        assert name.startswith("$") or name in known or f'set("{name}"' in text, name


@pytest.mark.parametrize("fact", [fact for producer in PRODUCERS for fact in facts(producer)], ids=lambda f: f.wire)
def test_every_field_of_every_event_has_a_meaning(fact):
    assert fact.model_fields.keys() <= MEANINGS.keys()


def test_the_page_of_events_says_who_hears_what():
    page = events_page()
    assert "| [`stock.reserved`](#stockreserved) | Every line of the order is set aside for it. | orders |" in page
    assert "### order.paid" in page
    assert (DOCS / "events.md").exists()
