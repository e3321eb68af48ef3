"""Strict input: one way to write JSON, and a reason for everything that is refused."""

import json
from typing import Annotated

import pytest
from fastapi import Body, Query
from pydantic import Field

from common.http import router
from common.http.fields import Line, MoneyIn, Quantity, Strict
from common.http.paging import Page

routes = router()


class Item(Strict):
    quantity: Quantity
    name: Annotated[Line, Field(max_length=50)] = "x"
    price: MoneyIn | None = None


class Filters(Page):
    sort: Annotated[str, Field(pattern="^(name|price)$")] = "name"
    q: str = ""


@routes.post("/items", status_code=201)
async def make_item(body: Item, dry: bool = False) -> dict[str, object]:  # noqa: FBT001, FBT002 - a query parameter
    return {"quantity": body.quantity, "name": body.name, "dry": dry}


@routes.post("/wishes")
async def make_wish(body: Annotated[Item | None, Body()] = None) -> dict[str, object]:
    return {"quantity": body and body.quantity}


@routes.get("/items")
async def list_items(page: Annotated[Filters, Query()]) -> dict[str, object]:
    return {"limit": page.limit, "sort": page.sort, "q": page.q}


@pytest.fixture
async def client(serve_routes):
    return serve_routes(None, routes)


async def test_a_body_that_may_be_absent_is_as_strict_where_it_is_given(client):
    assert (await client.post("/wishes")).json() == {"quantity": None}
    assert (await client.post("/wishes", json={"quantity": 2})).json() == {"quantity": 2}
    assert (await client.post("/wishes", json={"quantity": 2, "colour": "blue"})).json()["code"] == "unknown_field"
    assert (await client.post("/wishes", content=b'{"quantity": 2, "quantity": 3}', headers=JSON)).status_code == 400


JSON = {"Content-Type": "application/json"}
BODIES = {
    "B1 empty": (b"", 400, "body_missing"),
    "B2 null": (b"null", 422, "object_expected"),
    "B2 array": (b"[]", 422, "object_expected"),
    "B2 text": (b'"a"', 422, "object_expected"),
    "B2 number": (b"1", 422, "object_expected"),
    "B3 truncated": (b'{"quantity": 1', 400, "malformed_json"),
    "B3 trailing comma": (b'{"quantity": 1,}', 400, "malformed_json"),
    "B3 comment": (b'{"quantity": 1} // one', 400, "malformed_json"),
    "B4 NaN": (b'{"quantity": NaN}', 400, "malformed_json"),
    "B4 Infinity": (b'{"quantity": -Infinity}', 400, "malformed_json"),
    "B4 1e309": (b'{"quantity": 1e309}', 400, "malformed_json"),
    "B5 lone surrogate": (b'{"quantity": 1, "name": "\\ud800"}', 400, "malformed_json"),
    "B5 surrogate key": (b'{"quantity": 1, "\\udfff": 1}', 400, "malformed_json"),
    "B6 escaped NUL": (b'{"quantity": 1, "name": "a\\u0000b"}', 422, "control_character"),
    "B6 NUL deep inside": (b'{"quantity": 1, "x": [{"a": "\\u0000"}]}', 422, "control_character"),
    "B6 raw NUL": (b'{"quantity": 1, "name": "a\x00b"}', 400, "malformed_json"),
    "B8 duplicate key": (b'{"quantity": 1, "quantity": 2}', 400, "duplicate_key"),
    "B8 duplicate key inside": (b'{"quantity": 1, "price": {"amount": 1, "amount": 2}}', 400, "duplicate_key"),
    "B9 is_admin": (b'{"quantity": 1, "is_admin": true}', 422, "unknown_field"),
    "B9 unknown inside": (b'{"quantity": 1, "price": {"amount": 1, "currency": "USD", "x": 1}}', 422, "unknown_field"),
    "B10 deep array": (b"[" * 100_000 + b"]" * 100_000, 400, "malformed_json"),
    "B10 deep object with escape": (b'{"\\u0061":' * 980 + b"1" + b"}" * 980, 400, "malformed_json"),
    "B11 long integer": (b'{"quantity": ' + b"9" * 5000 + b"}", 400, "malformed_json"),
    "B11 large integer": (b'{"quantity": ' + b"9" * 100 + b"}", 422, "less_than_equal"),
    "not UTF-8": (b'{"name": "\xff"}', 400, "malformed_json"),
    "UTF-16": ('{"quantity": 1}'.encode("utf-16"), 400, "malformed_json"),
    "byte-order mark": (b'\xef\xbb\xbf{"quantity": 1}', 400, "malformed_json"),
    "B29 zero": (b'{"quantity": 0}', 422, "greater_than_equal"),
    "B29 negative": (b'{"quantity": -1}', 422, "greater_than_equal"),
    "B29 2^31": (b'{"quantity": 2147483648}', 422, "less_than_equal"),
    "B29 2^63": (b'{"quantity": 9223372036854775808}', 422, "less_than_equal"),
    "B29 fraction": (b'{"quantity": 1.5}', 422, "int_type"),
    "B29 text": (b'{"quantity": "5"}', 422, "int_type"),
    "B29 true": (b'{"quantity": true}', 422, "int_type"),
    "B29 5.0": (b'{"quantity": 5.0}', 422, "int_type"),
    "missing": (b"{}", 422, "missing"),
}


@pytest.mark.parametrize("case", BODIES)
async def test_a_bad_body_is_refused_with_its_reason(client, case):
    body, status, code = BODIES[case]
    answer = await client.post("/items", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"].replace("int_from_float", "int_type")) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "type_",
    [
        "text/plain",
        None,
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-7",
        "application/json; charset=utf-16",
        "application/jsonp",
        "application/problem+json",
    ],
)
async def test_only_json_in_utf_8_is_read(client, type_):
    headers = {"Content-Type": type_} if type_ else {}
    answer = await client.post("/items", content=b'{"quantity": 1}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
async def test_a_compressed_body_is_refused_unread(client, encoding):
    answer = await client.post("/items", content=b"\x1f\x8b", headers=JSON | {"Content-Encoding": encoding})
    assert answer.status_code == 415


@pytest.mark.parametrize("type_", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_json_may_say_that_it_is_utf_8(client, type_):
    body = json.dumps({"quantity": 1, "name": "Grüße \U0001f469\u200d\U0001f469\u200d\U0001f467"}, ensure_ascii=True)
    answer = await client.post("/items", content=body, headers={"Content-Type": type_, "Content-Encoding": "identity"})
    assert answer.status_code == 201
    assert answer.json()["name"] == "Grüße \U0001f469\u200d\U0001f469\u200d\U0001f467"


async def test_a_refusal_points_at_the_place_and_never_echoes_the_value(client):
    body = {"quantity": "hunter2", "price": {"amount": "hunter2", "currency": "hunter2"}, "name": "hunter2" * 20}
    answer = await client.post("/items", json=body)
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"#/quantity", "#/price/amount", "#/price/currency", "#/name"}
    assert "hunter2" not in answer.text
    assert answer.json()["code"] == "invalid"


async def test_pointers_are_escaped_and_bounded(client):
    answer = await client.post("/items", json={"quantity": 1, "a/b~c": 1, "x" * 100_000: 1})
    pointers = sorted(error["pointer"] for error in answer.json()["errors"])
    assert pointers[0] == "#/a~1b~0c"
    assert len(answer.content) < 2_000


async def test_a_thousand_faults_are_not_a_thousand_lines(client):
    answer = await client.post("/items", json={"quantity": 1} | {f"f{number}": 1 for number in range(1000)})
    assert len(answer.json()["errors"]) == 50


@pytest.mark.parametrize("query", ["x=1", "limit=1&x", "Limit=1", "session=1", "page=1"])
async def test_an_unknown_query_parameter_is_refused(client, query):
    answer = await client.get(f"/items?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter")


async def test_a_parameter_given_twice_is_refused(client):
    answer = await client.get("/items?limit=1&limit=2")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter")
    assert (await client.post("/items?dry=1&dry=1", json={"quantity": 1})).status_code == 422


@pytest.mark.parametrize("limit", ["-1", "0", "101", "1" + "0" * 20, "1_0", "+5", "5.0", "", "0x10", "٣", "9" * 5000])
async def test_a_limit_is_a_plain_number_in_its_range(client, limit):
    answer = await client.get("/items", params={"limit": limit})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:limit"


async def test_filters_take_what_is_listed_and_text_literally(client):
    assert (await client.get("/items?sort=created")).status_code == 422
    answer = await client.get("/items", params={"limit": "100", "sort": "price", "q": "' OR 1=1 %_\\"})
    assert answer.json() == {"limit": 100, "sort": "price", "q": "' OR 1=1 %_\\"}


async def test_queries_are_read_beside_a_body(client):
    answer = await client.post("/items?dry=true", json={"quantity": 2})
    assert answer.json() == {"quantity": 2, "name": "x", "dry": True}
