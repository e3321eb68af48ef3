"""`Prefer: wait=N`: how long a request waits, with nothing held, and what it answers when the time is up."""

import asyncio
import time
from typing import Annotated

import pytest
from fastapi import Depends, Request

from common.db import fetch, wake_after_commit
from common.http import Wait, router
from common.http.deps import Db
from common.http.prefer import WaitingRoom

routes = router()


def room_of(request: Request) -> WaitingRoom:
    return request.app.state.waiting_room


@routes.get("/wait")
async def show_wait(wait: Wait) -> dict[str, int]:
    return {"wait": wait}


@routes.post("/orders")
async def order(wait: Wait, database: Db, room: Annotated[WaitingRoom, Depends(room_of)]) -> dict[str, int]:
    async def look():
        async with database.reading() as session:
            return (await fetch(session, "SELECT count(*) FROM effects"))[0][0]

    return {"effects": await room.until("order", wait, look, bool)}


@pytest.fixture
async def database(shared_database, ask):
    await ask(shared_database, "TRUNCATE effects")
    return shared_database


@pytest.fixture
async def room(database):
    return WaitingRoom(database.waker)


@pytest.fixture
async def client(serve_routes, database, room):
    return serve_routes(database, routes, waiting_room=room)


@pytest.mark.parametrize(
    ("prefer", "seconds", "applied"),
    [
        (None, 5, None),
        ("wait=0", 0, "wait=0"),
        ("wait=3", 3, "wait=3"),
        ("wait=20", 20, "wait=20"),
        ("wait=21", 20, "wait=20"),
        ("wait=999999999", 20, "wait=20"),
        ("respond-async, WAIT = 7", 7, "wait=7"),
        ('wait="4"', 4, "wait=4"),
        ("wait=2, wait=9", 2, "wait=2"),
        ("handling=lenient; wait=6", 6, "wait=6"),
        ("wait=-1", 5, None),
        ("wait=1.5", 5, None),
        ("wait=1e3", 5, None),
        ("wait=", 5, None),
        ("await=9", 5, None),
        ("wait=9999999999", 5, None),
        ("wait=٣", 5, None),
    ],
)
async def test_a_preference_is_applied_within_bounds_or_ignored(client, prefer, seconds, applied):
    headers = {} if prefer is None else {"Prefer": prefer.encode()}
    answer = await client.get("/wait", headers=headers)
    assert answer.json() == {"wait": seconds}
    assert answer.headers.get("preference-applied") == applied


async def test_it_answers_as_soon_as_it_is_woken(client, database):
    started = time.monotonic()
    waiting = asyncio.create_task(client.post("/orders", headers={"Prefer": "wait=10"}))
    await asyncio.sleep(0.1)
    async with database.transaction() as session:
        await fetch(session, "INSERT INTO effects VALUES (NULL, 1)")
        wake_after_commit(session, "order")
    assert (await waiting).json() == {"effects": 1}
    assert time.monotonic() - started < 0.9


async def test_a_lost_wake_up_costs_one_second(client, database):
    waiting = asyncio.create_task(client.post("/orders", headers={"Prefer": "wait=10"}))
    await asyncio.sleep(0.1)
    async with database.transaction() as session:
        await fetch(session, "INSERT INTO effects VALUES (NULL, 1)")
    assert (await asyncio.wait_for(waiting, 2)).json() == {"effects": 1}


async def test_when_the_time_is_up_it_answers_as_things_stand(client):
    for seconds in (0, 1):
        started = time.monotonic()
        answer = await client.post("/orders", headers={"Prefer": f"wait={seconds}"})
        assert answer.json() == {"effects": 0}
        assert answer.headers["preference-applied"] == f"wait={seconds}"
        assert seconds <= time.monotonic() - started < seconds + 0.8


async def test_two_hundred_wait_with_no_connection_held_and_the_next_does_not(client, room, database, eventually):
    pool = database.engine.pool
    pool._timeout = 20
    waiting = [asyncio.create_task(client.post("/orders", headers={"Prefer": "wait=15"})) for _ in range(200)]
    await eventually(lambda: room._waiting == 200 and pool.checkedout() == 0)
    started = time.monotonic()
    assert (await client.post("/orders", headers={"Prefer": "wait=15"})).json() == {"effects": 0}
    assert time.monotonic() - started < 5
    async with database.transaction() as session:
        await fetch(session, "INSERT INTO effects VALUES (NULL, 1)")
        wake_after_commit(session, "order")
    assert [(await task).json() for task in waiting] == [{"effects": 1}] * 200
