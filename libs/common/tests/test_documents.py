"""A service's OpenAPI document: it tells what its routes may answer beside success, and who may ask."""

from typing import Annotated

import pytest
from fastapi import Query

from common.auth import CurrentUser, Principal, require
from common.errors import Conflict, NotFound, raises
from common.http import Once, Page, create_app, once, router
from common.http.conditional import IfMatch
from common.http.fields import Id, Line, Strict
from common.telemetry import Metrics

routes = router(tags=["things"])


class Named(Strict):
    name: Line


class ThingBroken(Conflict):
    """The thing is broken."""


@routes.post("/things", status_code=201)
async def make(body: Named, _: Annotated[Principal, require("admin")], key: Annotated[Once, once()]) -> dict[str, str]:
    return {"name": body.name, "key": str(key)}


@routes.patch("/things/{thing_id}", responses={404: {"description": "No such thing"}})
@raises(NotFound, ThingBroken)
async def change(thing_id: Id, _: CurrentUser, condition: IfMatch) -> dict[str, str]:
    return {"id": str(thing_id), "condition": str(condition)}


@routes.get("/things", responses={304: {"description": "As you have it"}})
async def browse(page: Annotated[Page, Query()]) -> dict[str, str]:
    return {"limit": str(page.limit)}


@pytest.fixture(scope="module")
def document():
    return create_app("things", [routes], Metrics("things"), state={}).openapi()


def test_what_a_route_depends_on_says_how_it_may_fail(document):
    paths = document["paths"]
    assert [*paths["/api/v1/things"]["post"]["responses"]] == "201 400 401 403 409 413 414 415 422 429 503".split()
    changed = paths["/api/v1/things/{thing_id}"]["patch"]["responses"]
    assert [*changed] == "200 400 401 404 409 412 414 422 429 503".split()
    assert [*paths["/api/v1/things"]["get"]["responses"]] == "200 304 414 422 429 503".split()


def test_refusals_are_problems_and_name_their_codes(document):
    refusals = document["paths"]["/api/v1/things/{thing_id}"]["patch"]["responses"]
    assert refusals["409"]["description"] == "`thing_broken`: The thing is broken."
    assert refusals["404"]["description"] == "No such thing"
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert all(told["content"] == problem for status, told in refusals.items() if status >= "400")
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_who_needs_a_token_is_told(document):
    assert document["paths"]["/api/v1/things"]["post"]["security"] == [{"bearer": []}]
    assert document["paths"]["/api/v1/things"]["get"]["security"] == []


def test_headers_that_are_read_are_parameters(document):
    def headers(path, method):
        parameters = document["paths"][path][method]["parameters"]
        return [parameter["name"] for parameter in parameters if parameter["in"] == "header"]

    assert headers("/api/v1/things", "post") == ["Idempotency-Key"]
    assert headers("/api/v1/things/{thing_id}", "patch") == ["If-Match"]
    assert headers("/api/v1/things", "get") == ["If-None-Match"]


def test_what_may_be_absent_is_not_null_where_it_is_given(document):
    parameters = document["paths"]["/api/v1/things"]["get"]["parameters"]
    (cursor,) = [parameter["schema"] for parameter in parameters if parameter["name"] == "cursor"]
    assert (cursor["type"], "anyOf" in cursor) == ("string", False)


def test_telling_twice_tells_the_same():
    app = create_app("things", [routes], Metrics("things"), state={})
    assert app.openapi() == app.openapi()


def test_limits_are_told_as_json_schema_has_them(document):
    (limit,) = [p for p in document["paths"]["/api/v1/things"]["get"]["parameters"] if p["name"] == "limit"]
    assert limit["schema"] | {"title": ""} == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 20,
        "title": "",
    }
