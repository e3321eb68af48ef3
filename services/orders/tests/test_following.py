"""An order followed live: how it stands, each change, the end; who may, how many may, and what is held meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from common.contracts.payments import PaymentCancelled
from common.http import streams
from common.serve import listening
from common.testing import bearer
from souk.machines.ports import free_port

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]


def parts(text: str) -> list[Json]:
    """Return the events of a stream, and its comments."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.partition(":")[::2] for line in block.splitlines())
        found.append({name: value.strip() for name, value in fields.items()})
    return [part for part in found if part and "retry" not in part]


def told(text: str) -> list[tuple[str, str | None]]:
    """Return what the events of a stream say of the order and its payment."""
    orders = [orjson.loads(part["data"]) for part in parts(text) if "data" in part]
    return [(order["status"], order["payment"] and order["payment"]["status"]) for order in orders]


async def look(shop: Shop, order: Json, headers: Json | None = None, **more: str) -> Any:
    """Follow an order for no time at all."""
    given = {"Prefer": "wait=0", **(headers or bearer(shop.buyer)), **more}
    return await shop.one.client.get(f"/orders/{order['id']}/events", headers=given)


@asynccontextmanager
async def following(shop: Shop, order: Json, **headers: str) -> AsyncIterator["Follower"]:
    """Follow an order over a real connection."""
    port = free_port()
    async with (
        listening(shop.one.service.app, "127.0.0.1", port),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10) as http,
        http.stream("GET", f"/orders/{order['id']}/events", headers={**bearer(shop.buyer), **headers}) as answer,
    ):
        follower = Follower(answer)
        reading = asyncio.create_task(follower.read())
        yield follower
        reading.cancel()


class Follower:
    """Somebody who listens."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.text, self.ended = answer, "", asyncio.Event()

    async def read(self) -> None:
        """Read until it ends."""
        async for chunk in self.answer.aiter_text():
            self.text += chunk
        self.ended.set()

    async def hears(self, *states: tuple[str, str | None]) -> None:
        """Wait until these are all that was told."""
        async with asyncio.timeout(5):
            while told(self.text) != [*states]:
                await asyncio.sleep(0.01)


async def test_it_begins_with_the_order_as_its_buyer_sees_it(shop: Shop) -> None:
    order = await shop.awaiting()
    answer = await look(shop, order)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("retry: ")
    (event,) = parts(answer.text)
    assert event["event"] == "order"
    assert orjson.loads(event["data"]) == await shop.show(order)
    assert event["id"].startswith("2-")


async def test_each_change_is_told_until_the_order_has_ended(shop: Shop) -> None:
    order = await shop.place()
    async with following(shop, order) as follower:
        await follower.hears(("pending", None))
        await shop.reserve(order)
        await follower.hears(("pending", None), ("awaiting_payment", None))
        await shop.one.hear(shop.opened(order))
        await follower.hears(("pending", None), ("awaiting_payment", None), ("awaiting_payment", "open"))
        await shop.one.hear(shop.captured(order), shop.granted(order))
        await asyncio.wait_for(follower.ended.wait(), 5)
        assert told(follower.text)[-1] == ("fulfilled", "succeeded")
        ids = [part["id"] for part in parts(follower.text) if "id" in part]
        assert len(ids) == len(set(ids))


async def test_what_was_seen_is_not_told_again_and_after_the_end_nobody_needs_to_come(shop: Shop) -> None:
    order = await shop.awaiting()
    (seen,) = parts((await look(shop, order)).text)
    again = await look(shop, order, **{"Last-Event-ID": seen["id"]})
    assert parts(again.text) == [{"": "still here"}]
    await shop.one.hear(PaymentCancelled(**shop.of(order), reason="cancelled"))
    (changed,) = parts((await look(shop, order, **{"Last-Event-ID": seen["id"]})).text)
    assert orjson.loads(changed["data"])["payment"]["status"] == "cancelled"
    await shop.let_time_pass(order)
    (last,) = parts((await look(shop, order)).text)
    assert orjson.loads(last["data"])["status"] == "expired"
    gone = await look(shop, order, **{"Last-Event-ID": last["id"]})
    assert (gone.status_code, gone.content) == (204, b"")


async def test_it_is_for_the_buyer_and_for_staff_who_see_no_secret(shop: Shop) -> None:
    order = await shop.awaiting()
    assert (await look(shop, order, bearer(uuid4()))).status_code == 404
    assert (await shop.one.client.get(f"/orders/{order['id']}/events")).status_code == 401
    (event,) = parts((await look(shop, order, bearer(uuid4(), "support"))).text)
    assert orjson.loads(event["data"])["payment"]["client_secret"] is None
    (own,) = parts((await look(shop, order)).text)
    assert orjson.loads(own["data"])["payment"]["client_secret"] == "pi_1_secret_2"
    assert (await look(shop, {"id": uuid4()})).status_code == 404


async def test_nothing_is_held_while_nothing_happens_and_a_comment_says_that_somebody_is_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.1)
    order = await shop.place()
    pool: Any = shop.one.database.engine.pool
    async with following(shop, order) as follower:
        await follower.hears(("pending", None))
        async with asyncio.timeout(5):
            while follower.text.count(": still here") < 3:
                await asyncio.sleep(0.01)
        assert pool.checkedout() == 0
    assert told(follower.text) == [("pending", None)]


async def test_only_so_many_listen_of_one_user(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_OF_ONE", 1)
    order = await shop.place()
    async with following(shop, order) as follower:
        await follower.hears(("pending", None))
        refused = await look(shop, order)
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_listeners")
        assert refused.headers["Retry-After"]
        assert (await look(shop, order, bearer(uuid4(), "admin"))).status_code == 200
    async with asyncio.timeout(5):
        while (await look(shop, order)).status_code == 503:
            await asyncio.sleep(0.01)


async def test_a_process_that_stops_ends_it_and_so_does_a_database_that_is_away(shop: Shop) -> None:
    order = await shop.place()
    async with following(shop, order) as follower:
        await follower.hears(("pending", None))
        shop.one.service.leave()
        await asyncio.wait_for(follower.ended.wait(), 2)
    assert told(follower.text)[-1] == ("pending", None)


async def test_an_order_that_cannot_be_read_any_more_ends_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = await shop.place()
    async with following(shop, order) as follower:
        await follower.hears(("pending", None))
        monkeypatch.setattr(shop.one.database, "reading", _away)
        shop.one.database.waker.wake([f"order:{UUID(order['id'])}"])
        await asyncio.wait_for(follower.ended.wait(), 2)


@asynccontextmanager
async def _away() -> AsyncIterator[None]:
    raise ConnectionRefusedError
    yield


async def test_what_it_does_not_know_is_refused(shop: Shop) -> None:
    order = await shop.place()
    answer = await shop.one.client.get(f"/orders/{order['id']}/events?since=1", headers=bearer(shop.buyer))
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter")
