"""`Idempotency-Key`: one key, one effect, the same answer, whatever crashes or races."""

import asyncio
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import Response
from sqlalchemy import text

from common.db import fetch
from common.errors import Conflict
from common.events import new_id
from common.http import Once, Tx, once, router
from common.http.deps import Db
from common.http.fields import Strict
from common.http.idempotency import forget_old_keys

routes = router()
TROUBLE: dict[str, BaseException] = {}


class Amount(Strict):
    amount: int


async def effect(session, amount):
    await fetch(session, "INSERT INTO effects VALUES (NULL, $1)", amount)


@routes.post("/charges", status_code=201)
async def charge(body: Amount, session: Tx, key: Annotated[Once, once(required=True)]) -> dict[str, str]:
    await key.claim(session)
    await effect(session, body.amount)
    if error := TROUBLE.pop("next", None):
        raise error
    await asyncio.sleep(0.05)
    return {"id": str(new_id())}


@routes.post("/gifts", status_code=201)
async def gift(body: Amount, session: Tx, key: Annotated[Once, once()]) -> dict[str, str]:
    await key.claim(session)
    await effect(session, body.amount)
    return {"id": str(new_id())}


@routes.post("/orders", status_code=201)
async def order(body: Amount, database: Db, key: Annotated[Once, once(required=True)]) -> dict[str, str]:
    async with database.transaction() as session:
        made = new_id()
        known = await key.claim(session, made)
        if known is None:
            await effect(session, body.amount)
    return {"id": str(known or made), "now": str(new_id())}


@routes.post("/refusals")
async def refuse(session: Tx, key: Annotated[Once, once()]) -> Response:
    await key.claim(session)
    return Response(b"{}", 400)


@pytest.fixture
async def database(shared_database):
    async with shared_database.transaction() as session:
        await session.execute(text("TRUNCATE effects, idempotency_keys"))
    shared_database.engine.pool._timeout = 10
    return shared_database


@pytest.fixture
async def client(serve_routes, database):
    return serve_routes(database, routes)


@pytest.fixture
async def effects(ask, database):
    async def count():
        return len(await ask(database, "SELECT FROM effects"))

    return count


async def test_the_same_key_a_hundred_times_in_parallel_has_one_effect(client, customer, effects):
    headers = customer | {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(client.post("/charges", json={"amount": 1}, headers=headers) for _ in range(100)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency_key_in_use"
            assert answer.headers["retry-after"] == "1"
    assert await effects() == 1


async def test_a_replay_is_byte_equal_and_says_so(client, customer, effects):
    headers = customer | {"Idempotency-Key": "k"}
    first = await client.post("/charges", json={"amount": 1}, headers=headers)
    second = await client.post("/charges", json={"amount": 1}, headers=headers)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert await effects() == 1


async def test_where_a_route_waits_a_replay_shows_the_same_resource(client, customer, effects):
    headers = customer | {"Idempotency-Key": "k"}
    answers = [await client.post("/orders", json={"amount": 1}, headers=headers) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert UUID(answers[0].json()["id"])
    assert await effects() == 1


@pytest.mark.parametrize(("path", "body"), [("/charges", {"amount": 2}), ("/gifts", {"amount": 1})])
async def test_the_same_key_for_something_else_is_refused(client, customer, effects, path, body):
    headers = customer | {"Idempotency-Key": "k"}
    await client.post("/charges", json={"amount": 1}, headers=headers)
    answer = await client.post(path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await effects() == 1


async def test_another_users_same_key_is_another_key(client, customer, neighbour, effects):
    for headers in (customer, neighbour):
        answer = await client.post("/charges", json={"amount": 1}, headers=headers | {"Idempotency-Key": "k"})
        assert answer.status_code == 201
        assert "idempotent-replayed" not in answer.headers
    assert await effects() == 2


@pytest.mark.parametrize(("error", "status"), [(Conflict(), 409), (ZeroDivisionError(), 500)])
async def test_after_a_failure_the_key_is_fresh(client, customer, effects, error, status):
    TROUBLE["next"] = error
    headers = customer | {"Idempotency-Key": "k"}
    assert (await client.post("/charges", json={"amount": 1}, headers=headers)).status_code == status
    assert await effects() == 0
    answer = await client.post("/charges", json={"amount": 1}, headers=headers)
    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers
    assert await effects() == 1


async def test_after_a_connection_lost_before_the_commit_the_key_is_fresh(
    serve_routes, database, customer, effects, open_service_database, through_proxy, eventually
):
    proxy = await through_proxy(database.engine.url.render_as_string(hide_password=False))
    client = serve_routes(await open_service_database("web", url=proxy.url), routes)
    headers = customer | {"Idempotency-Key": "k"}
    posted = asyncio.create_task(client.post("/charges", json={"amount": 1}, headers=headers))
    await eventually(lambda: proxy._writers)
    proxy.cut()
    assert (await posted).status_code == 503
    answer = await client.post("/charges", json={"amount": 1}, headers=headers)
    while answer.status_code == 409:
        answer = await client.post("/charges", json={"amount": 1}, headers=headers)
    assert answer.status_code == 201
    assert await effects() == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "schlüssel", "tab\tkey", "k\x7f"])
async def test_a_key_is_visible_ascii_of_bounded_length(client, customer, key):
    raw = [(name.encode(), value.encode()) for name, value in customer.items()]
    headers = [*raw, (b"Idempotency-Key", key.encode("latin-1"))]
    answer = await client.post("/charges", json={"amount": 1}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


async def test_a_key_is_given_once(client, customer):
    headers = [*customer.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await client.post("/charges", json={"amount": 1}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


async def test_where_money_moves_a_key_is_needed_and_elsewhere_welcome(client, customer, effects):
    answer = await client.post("/charges", json={"amount": 1}, headers=customer)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    for _ in range(2):
        assert (await client.post("/gifts", json={"amount": 1}, headers=customer)).status_code == 201
    assert await effects() == 2


async def test_who_is_not_signed_in_learns_nothing_of_keys(client):
    answer = await client.post("/charges", json={"amount": 1}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 401


async def test_a_key_whose_answer_was_not_kept_is_never_worked_twice(client, customer):
    headers = customer | {"Idempotency-Key": "k"}
    assert (await client.post("/refusals", headers=headers)).status_code == 400
    answer = await client.post("/refusals", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")


async def test_keys_are_forgotten_after_seven_days(client, customer, ask, database, effects):
    for key in ("old", "new"):
        await client.post("/gifts", json={"amount": 1}, headers=customer | {"Idempotency-Key": key})
    await ask(database, "UPDATE idempotency_keys SET created_at = now() - interval '8 days' WHERE key = 'old'")
    await forget_old_keys(database)
    assert [row["key"] for row in await ask(database, "SELECT key FROM idempotency_keys")] == ["new"]
