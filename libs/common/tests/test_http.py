"""The HTTP door: one transaction per request, every failure a problem, nothing echoed, nothing hung."""

import asyncio
from typing import Annotated

import asyncpg
import pytest
from fastapi import Path
from sqlalchemy import text

from common.db import fetch
from common.errors import Conflict, TooMany
from common.http import Reading, Tx, router
from common.http.fields import Id, Line, Strict

from .asking import is_problem

routes = router()


class OrderMovedOn(Conflict):
    """The order is no longer open.

    What follows the first paragraph is for programmers.
    """


class Named(Strict):
    name: Line


@routes.post("/things", status_code=201)
async def make_thing(body: Named, session: Tx) -> dict[str, str]:
    await session.execute(text("INSERT INTO things (name) VALUES (:name)"), {"name": body.name})
    return {"name": body.name}


@routes.get("/things/{thing_id}")
async def show_thing(thing_id: Id, session: Reading) -> dict[str, str]:
    rows = await fetch(session, "SELECT 1 AS one")
    return {"id": str(thing_id), "one": str(rows[0]["one"])}


@routes.post("/nonsense/{kind}")
async def break_down(kind: Annotated[str, Path()], session: Tx) -> dict[str, str]:
    await BREAKS[kind](session)
    return {}


async def moved_on(_session):
    raise OrderMovedOn(current="paid", wanted=["pending"])


async def busy(_session):
    raise TooMany


async def bug(_session):
    raise ZeroDivisionError("secret detail")


async def hang(_session):
    raise TimeoutError


async def torn(_session):
    raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")


async def nul(session):
    await session.execute(text("SELECT :a || ''"), {"a": "\x00"})


async def nul_in_fetch(session):
    await fetch(session, "SELECT $1::text", "\x00")


async def statement(session, sql):
    await fetch(session, sql)


async def slow(session):
    await statement(session, "SET LOCAL statement_timeout = 10")
    await statement(session, "SELECT pg_sleep(1)")


BREAKS = {
    "moved": moved_on,
    "busy": busy,
    "bug": bug,
    "timeout": hang,
    "torn": torn,
    "nul": nul,
    "nul-fetch": nul_in_fetch,
    "slow": slow,
    "lock": lambda session: statement(session, "DO $$ BEGIN RAISE lock_not_available; END $$"),
    "deadlock": lambda session: session.execute(text("DO $$ BEGIN RAISE deadlock_detected; END $$")),
    "full": lambda session: session.execute(text("DO $$ BEGIN RAISE disk_full; END $$")),
    "killed": lambda session: statement(session, "SELECT pg_terminate_backend(pg_backend_pid())"),
    "killed-alchemy": lambda session: session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")),
    "sql": lambda session: statement(session, "SELECT nonsense"),
}
FAILURES = {
    "moved": (409, "order_moved_on"),
    "busy": (429, "too_many"),
    "bug": (500, "internal_error"),
    "timeout": (503, "unavailable"),
    "torn": (503, "unavailable"),
    "nul": (422, "invalid"),
    "nul-fetch": (422, "invalid"),
    "slow": (503, "unavailable"),
    "lock": (503, "unavailable"),
    "deadlock": (503, "unavailable"),
    "full": (503, "unavailable"),
    "killed": (503, "unavailable"),
    "killed-alchemy": (503, "unavailable"),
    "sql": (500, "internal_error"),
}


@pytest.fixture
async def database(shared_database):
    async with shared_database.transaction() as session:
        await session.execute(text("DROP TABLE IF EXISTS things"))
        await session.execute(text("CREATE TABLE things (name text UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    return shared_database


@pytest.fixture
async def client(serve_routes, database):
    return serve_routes(database, routes)


async def test_what_a_request_writes_is_committed_before_it_is_answered(client, ask, database):
    answer = await client.post("/things", json={"name": "lamp"})
    assert (answer.status_code, answer.json()) == (201, {"name": "lamp"})
    assert len(await ask(database, "SELECT FROM things")) == 1


async def test_a_commit_that_fails_is_never_a_success(client, ask, database):
    await client.post("/things", json={"name": "lamp"})
    answer = await client.post("/things", json={"name": "lamp"})
    is_problem(answer, 500, "internal_error")
    assert "lamp" not in answer.text
    assert len(await ask(database, "SELECT FROM things")) == 1


@pytest.mark.parametrize("kind", FAILURES)
async def test_every_failure_is_a_problem(client, kind):
    answer = await client.post(f"/nonsense/{kind}")
    body = is_problem(answer, *FAILURES[kind])
    assert "secret" not in answer.text
    assert "SELECT" not in answer.text
    if answer.status_code == 503:
        assert answer.headers["retry-after"] == "1"
    if kind == "moved":
        assert body["detail"] == "The order is no longer open."
        assert (body["current"], body["wanted"]) == ("paid", ["pending"])
    again = await client.get("/things/01a1fd1b-c756-7138-b9a1-1123c0c82637")
    assert again.status_code == 200


async def test_a_database_that_is_away_is_said_and_gone_without_a_restart(
    serve_routes, open_service_database, database, through_proxy
):
    proxy = await through_proxy(database.engine.url.render_as_string(hide_password=False))
    flaky = await open_service_database("web", url=proxy.url)
    client, path = serve_routes(flaky, routes), "/things/01a1fd1b-c756-7138-b9a1-1123c0c82637"
    assert (await client.get(path)).status_code == 200
    target, proxy._target = proxy._target, ("127.0.0.1", 1)
    proxy.cut()
    is_problem(await client.get(path), 503, "unavailable")
    is_problem(await client.post("/things", json={"name": "x"}), 503, "unavailable")
    proxy._target = target
    assert (await client.get(path)).status_code == 200


async def test_a_lost_commit_answer_is_no_success(serve_routes, open_service_database, database, through_proxy, ask):
    proxy = await through_proxy(database.engine.url.render_as_string(hide_password=False))
    client = serve_routes(await open_service_database("web", url=proxy.url), routes)
    await client.post("/things", json={"name": "first"})
    posted = asyncio.create_task(client.post("/things", json={"name": "second"}))
    await asyncio.sleep(0)
    proxy.flowing.clear()
    await asyncio.sleep(0.2)
    proxy.cut()
    is_problem(await posted, 503, "unavailable")


async def test_an_exhausted_pool_is_said_in_time(serve_routes, database):
    engine = database.engine
    held = [await engine.connect() for _ in range(engine.pool.size())]
    try:
        answer = await serve_routes(database, routes).post("/things", json={"name": "x"})
    finally:
        for connection in held:
            await connection.close()
    is_problem(answer, 503, "unavailable")
