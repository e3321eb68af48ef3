"""Everybody at once and everything again: browsers, webhooks and workers bring the same money, and it counts once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import orjson
import pytest

from common.events import new_id

from .conftest import Json, MakeTill, Street, Till
from .counters import COUNTERS, ORDER, Counter, both_providers
from .test_razorpay_webhooks import PATH, headers

HANDS = 200


@pytest.fixture(params=COUNTERS.values(), ids=COUNTERS.keys())
def counter(request: pytest.FixtureRequest) -> Counter:
    found: Counter = request.param
    return found


async def tell(till: Till, counter: Counter, event: Json, worker: Any = None) -> httpx2.Response:
    """Send an event as its provider does."""
    if counter.provider == "stripe":
        return await till.webhook(event, worker=worker or till.one)
    body = orjson.dumps({name: value for name, value in event.items() if name != "id"})
    given = headers(body, **{"x-razorpay-event-id": event["id"]})
    return await (worker or till.one).client.post(PATH, content=body, headers=given)


async def at_last(ask: Callable[[], Awaitable[httpx2.Response]]) -> int:
    """Ask again while there is too much to do, as providers and browsers are told to."""
    while (answer := await ask()).status_code == 503:
        assert answer.headers["retry-after"]
        await asyncio.sleep(0.2)
    return answer.status_code


async def money_event(till: Till, counter: Counter) -> Json:
    """What the provider tells of the money that came last."""
    if counter.provider == "stripe":
        return (await till.events(counter.paid))[-1]
    payment = (await counter.charged(till))[-1]
    entity = {"entity": "payment", **payment}
    event = {"entity": "event", "event": "payment.captured", "contains": ["payment"], "payload": {"payment": {}}}
    event["payload"]["payment"]["entity"] = entity
    return {**event, "created_at": payment["created_at"], "id": f"evt_{new_id().hex}"}


async def test_two_hundred_browsers_and_webhooks_at_once_take_one_capture_and_give_nothing_back(
    make_till: MakeTill, street: Street, counter: Counter
) -> None:
    """medusa#13301, spree's PR13938: browser and webhook both completed, and the loser's rollback refunded."""
    till = await make_till(environ=both_providers(street), workers=2)
    payment = await counter.open(till)
    handed = await counter.pay(till, payment)
    event = await money_event(till, counter)
    workers = (till.one, till.other)
    async with till.one.service.running(), till.other.service.running():
        hooks = (
            at_last(partial(tell, till, counter, {**event, "id": f"evt_{number}"}, workers[number % 2]))
            for number in range(HANDS)
        )
        browsers = (at_last(partial(counter.come_back, till, payment, handed)) for _ in range(HANDS))
        tries = (counter.pay(till, payment) for _ in range(5))
        answers = await asyncio.gather(*itertools.chain(*zip(hooks, browsers, strict=True)), *tries)
        assert set(answers[: 2 * HANDS]) == {200}

        async def quiet() -> bool:
            return not await till.rows("SELECT 1 FROM provider_events WHERE due_at IS NOT NULL LIMIT 1")

        await till.until(quiet, 30)
    assert len(await till.told("payment.succeeded")) == 1
    assert await till.told("payment.surplus", "payment.mismatched", "refund.succeeded", "refund.failed") == []
    assert await till.rows("SELECT status FROM captures") == [{"status": "accepted"}]
    assert await till.rows("SELECT 1 FROM refunds") == []
    assert len(await counter.charged(till)) == 1
    assert await counter.refunds(till) == []


async def test_an_event_that_comes_again_after_all_is_done_is_taken_and_leaves_no_trace(
    make_till: MakeTill, street: Street, counter: Counter
) -> None:
    """vendure's PR3734: Settled to Settled raised, and a webhook that was answered 409 was sent for days."""
    till = await make_till(environ=both_providers(street))
    payment = await counter.open(till)
    await counter.pay(till, payment)
    event = await money_event(till, counter)
    assert (await tell(till, counter, event)).status_code == 200
    await till.one.work_loops("apply facts")
    steps = await till.rows("SELECT * FROM payment_transitions ORDER BY id")
    before = await till.payment(payment["payment_id"])
    for name in (event["id"], "evt_of_another_name"):
        assert (await tell(till, counter, {**event, "id": name})).status_code == 200
        await till.one.work_loops("apply facts")
    assert await till.rows("SELECT * FROM payment_transitions ORDER BY id") == steps
    assert await till.payment(payment["payment_id"]) == before
    assert len(await till.told("payment.succeeded")) == 1


async def razorpay_story(till: Till, payment: Json) -> list[Json]:
    """The three events that Razorpay tells of one payment."""
    await ORDER.pay(till, payment)
    captured = await money_event(till, ORDER)
    entity = captured["payload"]["payment"]["entity"]
    order = {"id": payment["provider_ref"], "entity": "order", "status": "paid", "notes": {}, "amount": 2599}
    held = {**entity, "status": "authorized", "captured": False}
    authorized = {**captured, "event": "payment.authorized", "payload": {"payment": {"entity": held}}}
    paid = {**captured, "event": "order.paid", "payload": {"payment": {"entity": entity}, "order": {"entity": order}}}
    return [{**event, "id": f"evt_{new_id().hex}"} for event in (authorized, captured, paid)]


async def test_any_of_razorpays_three_events_in_any_order_pay_once(make_till: MakeTill, street: Street) -> None:
    """razorpay-magento#291: of 305 payments 6 were doubled and 3 had no order. Any of them may never come."""
    till = await make_till(environ=both_providers(street))
    stories = [story for count in range(4) for story in itertools.permutations(range(3), count)]
    assert len(stories) == 16
    for story in stories:
        payment = await ORDER.open(till)
        events = await razorpay_story(till, payment)
        for index in story:
            assert (await tell(till, ORDER, events[index])).status_code == 200
            await till.one.work_loops("apply facts")
        await till.poll()
        told = [fact for fact in await till.told("payment.succeeded") if fact["order_id"] == payment["order_id"]]
        assert len(told) == 1, story
        assert (await till.payment(payment["payment_id"]))["status"] == "succeeded", story
    assert await till.told("payment.surplus") == []
    assert len(await till.rows("SELECT 1 FROM captures")) == len(stories)
    assert await ORDER.refunds(till) == []


@pytest.mark.parametrize("provider", ["stripe", "razorpay"])
async def test_bytes_are_verified_as_they_came_whatever_their_spacing_and_letters(
    make_till: MakeTill, street: Street, provider: str
) -> None:
    """razorpay-node#29: a signature over a body that was read and written again fits only plain ones."""
    till = await make_till(environ=both_providers(street))
    odd = '{ "é":"\\u00e9 ✓ 🛍", "n" :1.10, "m": 1e2,\n\t"id":"evt_odd" , "type":"x.y","event":"x.y"}\n'.encode()
    if provider == "stripe":
        answer = await till.webhook(odd)
    else:
        answer = await till.one.client.post(PATH, content=odd, headers=headers(odd))
    assert answer.status_code == 200, answer.text
    [row] = await till.rows("SELECT body FROM provider_events")
    assert bytes(row["body"]) == odd
    again = orjson.dumps(orjson.loads(odd))
    if provider == "stripe":
        from_old = (await till.webhook(odd)).request.headers["stripe-signature"]
        answer = await till.webhook(again, signature=from_old)
    else:
        answer = await till.one.client.post(PATH, content=again, headers=headers(odd))
    assert answer.status_code == 400


async def test_events_of_other_systems_on_the_same_account_stop_nobody(make_till: MakeTill, street: Street) -> None:
    """lago's PR845: what belonged to others filled the dead queue."""
    till = await make_till(environ=both_providers(street))
    for counter in COUNTERS.values():
        payment = await counter.open(till)
        await counter.pay(till, payment)
        ours = await money_event(till, counter)
        text = orjson.dumps(ours).decode()
        for old in (payment["payment_id"], payment["provider_ref"]):
            text = text.replace(old, "0198c0de-0000-7000-8000-000000000001" if old == payment["payment_id"] else "o_1")
        for number in range(30):
            foreign = {**orjson.loads(text), "id": f"evt_foreign_{counter.flow}_{number}"}
            assert (await tell(till, counter, foreign)).status_code == 200
        assert (await tell(till, counter, ours)).status_code == 200
        await till.one.work_loops("apply facts")
        await till.one.work_loops("apply facts")
    assert len(await till.told("payment.succeeded")) == len(COUNTERS)
    statuses = await till.rows("SELECT status, count(*) AS n FROM provider_events GROUP BY status ORDER BY status")
    assert statuses == [{"status": "applied", "n": 3}, {"status": "unmatched", "n": 90}]
    assert await till.one.inbox_rows("parked") == []
