"""An operator looks at what providers told, and has it applied again."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest_asyncio
from typer.testing import CliRunner, Result

from common.db import fetch
from common.settings import BadSetting
from common.testing import OneService, one_service
from souk.home import SERVICES
from souk.main import app
from souk.services import BUILDERS, MIGRATIONS

SECRET = "whsec_of_the_test"
KEYS = {"STRIPE_SECRET_KEY": "sk_test_souk", "STRIPE_WEBHOOK_SECRET": SECRET}
OBJECT = {"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": "0198c000-0000-7000-8000-000000000001"}}
INTENT = {**OBJECT, "status": "canceled", "amount": 500, "currency": "usd", "livemode": False, "created": 1}
CANCELED = {"object": "event", "type": "payment_intent.canceled", "livemode": False, "created": 1}
UNREADABLE = {**CANCELED, "id": "evt_unreadable", "data": {"object": {**INTENT, "amount": "much"}}}
UNMATCHED = {**CANCELED, "id": "evt_unmatched", "data": {"object": INTENT}}
IGNORED = {**CANCELED, "id": "evt_ignored", "type": "customer.created", "data": {"object": {}}}


class Desk:
    """Payments with three events in its books, and the operator's commands."""

    def __init__(self, one: OneService, url: str) -> None:
        self.one = one
        self.env = {f"DATABASE_URL_{service.upper()}": url for service in SERVICES}

    async def take(self, event: dict[str, Any]) -> None:
        body, moment = orjson.dumps(event), int(time.time())
        signature = hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"stripe-signature": f"t={moment},v1={signature}"}
        answer = await self.one.client.post("/payments/webhooks/stripe", content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    async def run(self, *words: str) -> Result:
        """A command, in a thread for it brings its own event loop."""
        return await asyncio.to_thread(CliRunner().invoke, app, ["webhooks", *words], env=self.env)

    async def says(self, *words: str) -> str:
        """What a command that works says."""
        result = await self.run(*words)
        assert result.exit_code == 0, (result.output, result.exception)
        return str(result.output)

    async def due(self) -> list[str]:
        """Which events are to be applied now."""
        sql = "SELECT event_ref FROM provider_events WHERE due_at <= now() ORDER BY event_ref"
        async with self.one.database.reading() as session:
            return [row["event_ref"] for row in await fetch(session, sql)]


@pytest_asyncio.fixture
async def desk(make_database: Any) -> AsyncIterator[Desk]:
    url = await make_database("payments")
    desk = Desk(await one_service(BUILDERS["payments"], MIGRATIONS["payments"], url, KEYS), url)
    for event in (UNREADABLE, UNMATCHED, IGNORED):
        await desk.take(event)
    await desk.one.work_loops("apply facts")
    yield desk
    await desk.one.close()


async def test_events_are_listed_newest_first_and_by_what_they_are(desk: Desk) -> None:
    listed = [line.split() for line in (await desk.says("list")).splitlines()]
    assert [line[1:3] for line in listed] == [["stripe", name] for name in ("ignored", "unmatched", "unreadable")]
    assert "evt_unmatched" in await desk.says("list", "--status", "unmatched", "--provider", "stripe", "--since", "1h")
    assert await desk.says("list", "--provider", "razorpay") == ""
    assert await desk.says("list", "--since", "0s") == ""
    assert len((await desk.says("list", "--limit", "1")).splitlines()) == 1
    assert (await desk.run("list", "--status", "lost")).exit_code == 2
    refused = await desk.run("list", "--since", "yesterday")
    assert isinstance(refused.exception, BadSetting)


async def test_an_event_is_shown_as_it_came_by_either_id(desk: Desk) -> None:
    (shown,) = orjson.loads(await desk.says("show", "evt_unreadable"))
    assert (shown["status"], shown["body"]) == ("unreadable", UNREADABLE)
    assert "amount" in shown["last_error"] or "no integer" in shown["last_error"]
    assert orjson.loads(await desk.says("show", shown["id"])) == [shown]
    assert (await desk.run("show", "evt_none")).exit_code == 1


async def test_events_are_replayed_by_id_or_by_what_became_of_them(desk: Desk) -> None:
    assert await desk.says("replay", "evt_ignored", "evt_none") == "1 to be applied again\n"
    assert await desk.due() == ["evt_ignored"]
    assert await desk.says("replay", "--unmatched") == "1 to be applied again\n"
    assert await desk.says("replay", "--unreadable", "evt_ignored") == "2 to be applied again\n"
    assert await desk.due() == ["evt_ignored", "evt_unmatched", "evt_unreadable"]
    nothing = await desk.run("replay")
    assert nothing.exit_code == 1
    assert "Name the events" in str(nothing.exception) + nothing.output


async def test_a_replay_is_applied_by_the_service_and_told_of_once(desk: Desk) -> None:
    before = await desk.says("list")
    for _ in range(2):
        await desk.says("replay", "--unmatched", "--unreadable", "evt_ignored")
        await desk.one.work_loops("apply facts")
    assert await desk.due() == []
    assert await desk.says("list") == before
    assert len(await desk.one.told("webhook.received")) == 3


async def test_what_could_not_be_read_is_applied_once_it_can_be(desk: Desk) -> None:
    async with desk.one.database.transaction() as session:
        sql = "UPDATE provider_events SET body = $1 WHERE event_ref = 'evt_unreadable'"
        await fetch(session, sql, orjson.dumps({**IGNORED, "id": "evt_unreadable"}))
    await desk.says("replay", "--unreadable")
    await desk.one.work_loops("apply facts")
    (shown,) = orjson.loads(await desk.says("show", "evt_unreadable"))
    assert shown["status"] == "ignored"
