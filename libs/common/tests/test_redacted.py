"""What the database quotes of a row is in no log line and in no stored error, whichever way the statement was run."""

import json
import traceback

import asyncpg
import pytest
import structlog
from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from common.db import fetch
from common.http import Tx
from common.redacted import redact

from .hearing import Listener, counted

BUYER = "buyer@example.com"
INSERT = f"INSERT INTO buyers VALUES ('{BUYER}')"  # noqa: S608 - our own text


async def by_the_driver(session):
    await fetch(session, INSERT)


async def by_sqlalchemy(session):
    await session.execute(text("INSERT INTO buyers VALUES (:email)"), {"email": BUYER})


@pytest.fixture(params=[by_the_driver, by_sqlalchemy])
def twice(request):
    return request.param


@pytest.fixture
async def database(open_service_database):
    made = await open_service_database("listener")
    await made.once("CREATE TABLE buyers (email text PRIMARY KEY)")
    await made.once(INSERT)
    return made


@pytest.fixture
def log_lines():
    """What the process logs, tracebacks included."""
    before, capture = structlog.get_config(), structlog.testing.LogCapture()
    structlog.configure(processors=[structlog.processors.format_exc_info, capture])
    yield lambda: "\n".join(json.dumps(line) for line in capture.entries)
    structlog.configure(**before)


async def test_an_error_that_leaves_a_transaction_quotes_no_row(database, twice):
    with pytest.raises((asyncpg.UniqueViolationError, IntegrityError)) as caught:
        async with database.transaction() as session:
            await twice(session)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "buyers" in told
    assert BUYER not in told


@pytest.mark.parametrize("door", ["once", "reading"])
async def test_nor_does_one_of_a_statement_by_itself(database, door):
    with pytest.raises(asyncpg.UniqueViolationError, match="buyers_pkey") as caught:
        if door == "once":
            await database.once(INSERT)
        async with database.reading() as session:
            await fetch(session, INSERT)
    assert BUYER not in str(caught.value)


async def test_a_handler_that_breaks_a_rule_keeps_no_row_in_the_inbox_or_the_log(database, metrics, log_lines, twice):
    listener = Listener(database, metrics)
    subject, body = counted()
    listener.fail[subject] = twice
    await listener.take(body)
    first = (await listener.row())["error"]
    await listener.retry(5)
    row = await listener.row()
    assert row["status"] == "parked"
    for error in (first, row["error"], log_lines()):
        assert "buyers_pkey" in error
        assert BUYER not in error


async def test_a_request_that_breaks_a_rule_writes_no_row_into_the_log(database, serve_routes, log_lines, twice):
    routes = APIRouter()

    @routes.post("/buyers")
    async def add(session: Tx) -> None:
        await twice(session)

    answer = await serve_routes(database, routes).post("/buyers")
    assert answer.status_code == 500
    [line] = [json.loads(line) for line in log_lines().splitlines() if "unexpected" in line]
    assert "buyers_pkey" in line["exception"]
    assert BUYER not in answer.text + log_lines()


def test_all_that_an_error_came_from_is_looked_at_and_the_rest_stays():
    first = ValueError("x: y\nDETAIL:  Key (email)=(a@b.org)", 7)
    second = RuntimeError("as it was")
    second.__context__, first.__context__ = ExceptionGroup("several", [first]), second  # a circle
    redact(second)
    assert (first.args, second.args) == (("x: y", 7), ("as it was",))
