"""The webhook intake: what is genuine is stored before it is answered, everything else is refused."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
import pytest
from sqlalchemy import event as sa_event

from common.db import plain_dsn
from sandbox.stripe.signature import signature_header

SECRET = "whsec_of_the_test"
EVENT = {"id": "evt_1", "object": "event", "type": "customer.created", "livemode": False, "created": 1}
BODY = orjson.dumps(EVENT)


def signed(body: bytes = BODY, at: float | None = None, *secrets: str) -> str:
    return signature_header(body, list(secrets) or [SECRET], time.time() if at is None else at)


async def stored(till) -> int:
    return len(await till.rows("SELECT 1 FROM provider_events"))


def header_table() -> dict[str, str | None]:
    now = int(time.time())
    good = signed().partition("v1=")[2]
    return {
        "no signature": None,
        "empty": "",
        "words": "let me in",
        "non-ascii": "t=1,v1=é",
        "a list of a thousand": f"t={now}," + ",".join(f"v1={good}" for _ in range(1000)),
        "a list of thirty": f"t={now}," + ",".join(f"v1={number:064x}" for number in range(30)),
        "ten kilobytes": "t=1,v1=" + "a" * 10_000,
        "301 seconds old": signed(at=now - 302),
        "301 seconds ahead": signed(at=now + 302),
        "a year ahead": signed(at=now + 365 * 86400),
        "no time": f"v1={good}",
        "empty time": f"t=,v1={good}",
        "negative time": f"t=-1,v1={good}",
        "two times": f"t={now},t={now},v1={good}",
        "a time of 5000 digits": f"t={'1' * 5000},v1={good}",
        "a time in other digits": f"t=١٢٣,v1={good}",
        "another scheme": signed().replace("v1=", "v0="),
        "another secret": signed(BODY, None, "whsec_other"),
        "the empty secret": signed(BODY, None, ""),
        "upper case": signed().upper(),
    }


@pytest.mark.parametrize("name", header_table())
async def test_what_is_not_signed_by_us_and_now_is_refused(till, name) -> None:
    header = header_table()[name]
    headers = {} if header is None else {"stripe-signature": header.encode()}
    answer = await till.one.client.post("/payments/webhooks/stripe", content=BODY, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(till) == 0


async def test_two_signature_headers_are_refused(till) -> None:
    headers = [("stripe-signature", signed()), ("stripe-signature", signed())]
    answer = await till.one.client.post("/payments/webhooks/stripe", content=BODY, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("body", [BODY[:-1] + b" }", BODY + b"\n", BODY.replace(b"evt_1", b"evt_2"), b""])
async def test_a_body_changed_by_a_byte_is_refused(till, body) -> None:
    assert (await till.webhook(body, signature=signed())).status_code == 400
    assert await stored(till) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"1",
        b"",
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"id": "evt_\xff"}',
        b'{"id": 1, "type": "x"}',
        b'{"id": "evt_1"}',
        b'{"id": "", "type": "x"}',
        b'{"id": "evt\\u0000", "type": "x"}',
        b'{"id": "\\ud800", "type": "x"}',
        orjson.dumps({"id": "e" * 256, "type": "x"}),
        b'{"a":' * 50_000,
    ],
)
async def test_a_signed_body_that_is_no_event_is_refused(till, body) -> None:
    answer = await till.webhook(body)
    assert answer.status_code == 400
    assert await stored(till) == 0


async def test_a_body_over_the_limit_is_refused(till) -> None:
    body = orjson.dumps({**EVENT, "padding": "x" * 256 * 1024})
    assert (await till.webhook(body)).status_code == 413


@pytest.mark.parametrize("at", [-299, 0, 299])
async def test_a_time_within_five_minutes_is_accepted(till, at) -> None:
    assert (await till.webhook(EVENT, at=time.time() + at)).status_code == 200


async def test_both_secrets_are_accepted_while_one_is_replaced(make_till) -> None:
    till = await make_till(environ={"STRIPE_WEBHOOK_SECRET": f"whsec_new, {SECRET}"})
    for secret in ("whsec_new", SECRET):
        assert (await till.webhook(EVENT, signature=signed(BODY, None, secret))).status_code == 200
    assert (await till.webhook(EVENT, signature=signed(BODY, None, "whsec_third", SECRET))).status_code == 200
    assert await stored(till) == 1


async def test_without_a_secret_no_webhook_is_accepted(make_till) -> None:
    till = await make_till(environ={"STRIPE_WEBHOOK_SECRET": " "})
    assert (await till.webhook(EVENT, signature=signed(BODY, None, ""))).status_code == 400


async def test_any_content_type_is_taken(till) -> None:
    for type_ in ("application/json; charset=utf-8", "text/plain", ""):
        headers = {"stripe-signature": signed(), "content-type": type_}
        answer = await till.one.client.post("/payments/webhooks/stripe", content=BODY, headers=headers)
        assert answer.status_code == 200


async def test_the_bytes_are_kept_and_told_of_once(till) -> None:
    for _ in range(2):
        assert (await till.webhook(BODY)).status_code == 200
    row = (await till.rows("SELECT * FROM provider_events"))[0]
    assert bytes(row["body"]) == BODY
    for _ in range(2):
        await till.one.work_loops("apply facts")
    told = await till.one.told("webhook.received")
    assert [event.channel for event in told] == ["WEBHOOK"]
    assert told[0].data["body_sha256"] == row["sha256"]
    assert told[0].data["event_ref"] == "evt_1"


@asynccontextmanager
async def statements(till) -> AsyncIterator[list[str]]:
    """The first words of the statements sent meanwhile: by fetch, and by SQLAlchemy, which prepares its own."""
    seen: list[str] = []
    engine = till.one.database.engine.sync_engine

    def listen(connection, *_: object) -> None:
        connection.driver_connection.add_query_logger(lambda record: seen.append(record.query.split()[0].strip(";")))

    def note(_connection, _cursor, statement: str, *_: object) -> None:
        seen.append(statement.split(maxsplit=1)[0])

    sa_event.listen(engine, "checkout", listen)
    sa_event.listen(engine, "before_cursor_execute", note)
    yield seen
    await asyncio.sleep(0)  # the driver's loggers are called soon
    sa_event.remove(engine, "checkout", listen)
    sa_event.remove(engine, "before_cursor_execute", note)


async def test_a_webhook_costs_one_trip(till) -> None:
    await till.webhook({**EVENT, "id": "evt_0"})  # the driver asks each connection once about types
    async with statements(till) as seen:
        await till.webhook(EVENT)
    assert seen == ["INSERT"]


async def test_a_refused_webhook_costs_the_database_nothing(till) -> None:
    async with statements(till) as seen:
        await till.webhook(EVENT, signature="t=1,v1=" + "0" * 64)
    assert seen == []


async def test_webhooks_are_taken_while_stripes_api_is_down(till) -> None:
    await till.chaos("error", status=503)
    assert (await till.webhook(EVENT)).status_code == 200


async def test_while_the_database_is_down_the_answer_is_503_and_stripe_comes_again(make_till, postgres_url) -> None:
    till = await make_till(webhooks=True)
    payment = await till.open()
    name = till.one.database.engine.url.database
    admin = await asyncpg.connect(plain_dsn(postgres_url))
    try:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        await asyncio.sleep(0.1)
        assert (await till.webhook(EVENT)).status_code == 503
        await till.confirm(payment["provider_ref"])
        await asyncio.sleep(0.3)
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    finally:
        await admin.close()
    async with asyncio.timeout(10):
        while not await till.told("payment.succeeded"):
            await till.one.work_loops("apply facts")
            await asyncio.sleep(0.05)
