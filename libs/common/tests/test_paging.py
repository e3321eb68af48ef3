"""Paging: a cursor is opaque, fits only the list, the user and the filters it came from, and loses nothing."""

import base64
from typing import Annotated

import pytest
from fastapi import Query
from hypothesis import given
from hypothesis import strategies as st

from common.auth import CurrentUser
from common.events import new_id
from common.http import Cursor, Page, PageOf, router
from common.http.paging import BadCursor

ROWS = sorted(new_id() for _ in range(25))
routes = router()


class Filters(Page):
    status: str | None = None


@routes.get("/things")
async def list_things(page: Annotated[Filters, Query()], user: CurrentUser) -> PageOf[str]:
    scope = f"things:{user.id}"
    after = page.after(scope)
    rows = [row for row in ROWS if after is None or row > after][: page.limit + 1]
    return page.page(rows, scope, str, lambda row: row)


@pytest.fixture
async def client(serve_routes):
    return serve_routes(None, routes)


async def test_pages_show_everything_once(client, customer):
    seen, cursor = [], None
    while cursor is not None or not seen:
        answer = await client.get(
            "/things", params={"limit": 7} | ({"cursor": cursor} if cursor else {}), headers=customer
        )
        assert answer.json().keys() == {"items", "next_cursor"}
        seen += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
    assert seen == [str(row) for row in ROWS]


async def test_a_page_that_is_exactly_full_is_the_last(client, customer):
    assert (await client.get("/things?limit=25", headers=customer)).json()["next_cursor"] is None
    assert (await client.get("/things?limit=24", headers=customer)).json()["next_cursor"]


async def test_a_cursor_fits_only_where_it_came_from(client, customer, neighbour):
    cursor = (await client.get("/things?limit=1", headers=customer)).json()["next_cursor"]
    for query, headers in [
        ({"cursor": cursor}, neighbour),
        ({"cursor": cursor, "status": "open"}, customer),
        ({"cursor": cursor[:-1]}, customer),
        ({"cursor": cursor + "A"}, customer),
        ({"cursor": "B" + cursor[1:]}, customer),
        ({"cursor": "é"}, customer),
        ({"cursor": ""}, customer),
        ({"cursor": base64.urlsafe_b64encode(new_id().bytes).decode()}, customer),
    ]:
        answer = await client.get("/things", params=query, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor"), query
    assert (await client.get("/things", params={"cursor": "x" * 501}, headers=customer)).status_code == 422
    assert (await client.get("/things", params={"cursor": cursor, "limit": 3}, headers=customer)).status_code == 200


@given(st.tuples(st.uuids(), st.none() | st.integers() | st.text()), st.text(), st.text())
def test_a_cursor_reads_back_in_its_own_scope_only(position, scope, other):
    cursor = Cursor.write(position, scope)
    assert Cursor.read(cursor, scope) == position
    if other != scope:
        with pytest.raises(BadCursor):
            Cursor.read(cursor, other)


@given(st.text(max_size=100))
def test_any_other_text_is_a_bad_cursor(text):
    with pytest.raises(BadCursor):
        Cursor.read(text, "scope")
