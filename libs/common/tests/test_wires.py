"""One contract for both wires: what is confirmed was stored by everybody who listens, and nothing is acked before."""

import asyncio
from dataclasses import dataclass

import pytest
import pytest_asyncio

from common.broker import Hearer, InProcessWire, Message, NotConfirmed, RabbitWire, Unroutable, Wire, apply_topology
from common.events import new_id


@dataclass
class Line:
    """A wire with two listeners of one event type."""

    wire: Wire
    first: str
    second: str
    type: str

    def message(self, *, lane="live", mandatory=True, type_=None, body=b"{}") -> Message:
        return Message(new_id(), type_ or self.type, lane, body, mandatory)


@pytest_asyncio.fixture(params=["rabbitmq", "inprocess"])
async def line(request):
    name = new_id().hex
    first, second, type_ = f"first-{name}", f"second-{name}", f"test.{name}"
    hearers = [Hearer(first, frozenset({type_})), Hearer(second, frozenset({type_}))]
    if request.param == "rabbitmq":
        url = request.getfixturevalue("amqp_url")
        await apply_topology(url, hearers)
        wire = RabbitWire(url, confirm_timeout=5, watchdog=0.2)
    else:
        wire = InProcessWire(confirm_timeout=5, retry_pause=0.05)
        for hearer in hearers:
            wire.bind(hearer.service, hearer.types)
    yield Line(wire, first, second, type_)
    await wire.close()
    if request.param == "rabbitmq":
        management, vhost = request.getfixturevalue("rabbitmq").management, url.rsplit("/", 1)[1]
        for queue in (first, second, f"{first}.bulk", f"{second}.bulk"):
            management.call("DELETE", f"queues/{vhost}/{queue}")


class Kept(list):
    """A sink that keeps what it is given, batch by batch."""

    async def __call__(self, deliveries):
        self.append([delivery.body for delivery in deliveries])

    @property
    def bodies(self):
        return [body for batch in self for body in batch]


def consume_both(line, background, sink=None, lane="live"):
    kept = {name: Kept() for name in (line.first, line.second)}
    for name, own in kept.items():
        background(line.wire.consume(name, lane, sink if sink and name == line.first else own))
    return kept


async def test_what_is_published_reaches_each_bound_service_once(line, background, eventually):
    kept = consume_both(line, background)
    messages = [line.message(body=b"%d" % number) for number in range(120)]
    assert await line.wire.publish(messages) == [None] * 120
    wanted = [message.body for message in messages]
    await eventually(lambda: all(len(own.bodies) == 120 for own in kept.values()))
    assert all(own.bodies == wanted for own in kept.values())
    assert all(len(batch) <= 50 for own in kept.values() for batch in own)


async def test_deliveries_come_in_batches(line, background, eventually):
    kept = consume_both(line, background)
    await line.wire.publish([line.message() for _ in range(100)])
    await eventually(lambda: len(kept[line.first].bodies) == 100)
    assert len(kept[line.first]) < 100


async def test_what_should_be_heard_and_is_not_is_unroutable(line, background, eventually):
    kept = consume_both(line, background)
    messages = [line.message(), line.message(type_="nobody.listens"), line.message(body=b"[]")]
    outcomes = await line.wire.publish(messages)
    assert [type(outcome) for outcome in outcomes] == [type(None), Unroutable, type(None)]
    await eventually(lambda: kept[line.first].bodies == [b"{}", b"[]"])


async def test_what_nobody_needs_to_hear_is_confirmed(line):
    assert await line.wire.publish([line.message(type_="nobody.listens", mandatory=False)]) == [None]


async def test_a_sink_that_fails_is_given_the_same_batch_again(line, background, eventually):
    tries = []

    async def failing_twice(deliveries):
        tries.append([delivery.body for delivery in deliveries])
        if len(tries) < 3:
            raise OSError("the database is away")

    kept = consume_both(line, background, sink=failing_twice)
    await line.wire.publish([line.message(body=b"1")])
    await eventually(lambda: len(tries) == 3 and kept[line.second].bodies)
    assert tries == [[b"1"]] * 3
    assert kept[line.second].bodies == [b"1"]


async def test_the_lanes_are_independent(line, background, eventually):
    blocked, live = asyncio.Event(), Kept()

    async def stuck(_deliveries):
        await blocked.wait()

    for name in (line.first, line.second):
        background(line.wire.consume(name, "bulk", stuck))
        background(line.wire.consume(name, "live", live))
    await eventually(lambda: line.wire.alive(line.first, "bulk") and line.wire.alive(line.second, "live"))
    bulk = asyncio.create_task(line.wire.publish([line.message(lane="bulk")]))
    assert await line.wire.publish([line.message(body=b"sale")]) == [None]
    await eventually(lambda: live.bodies == [b"sale", b"sale"])
    blocked.set()
    assert await bulk == [None]


async def test_a_lane_is_alive_only_while_it_is_consumed(line, background, eventually):
    assert not line.wire.alive(line.first, "live")
    task = background(line.wire.consume(line.first, "live", Kept()))
    await eventually(lambda: line.wire.alive(line.first, "live"))
    assert not line.wire.alive(line.first, "bulk")
    task.cancel()
    await eventually(lambda: not line.wire.alive(line.first, "live"))


async def test_stopping_lets_the_batch_in_hand_finish(line, background, eventually):
    if isinstance(line.wire, InProcessWire):
        return  # nothing is taken from a broker: the outbox row stays unsent
    started, finished = asyncio.Event(), []

    async def slow(deliveries):
        started.set()
        await asyncio.sleep(0.3)
        finished.extend(deliveries)

    task = background(line.wire.consume(line.first, "live", slow))
    await line.wire.publish([line.message()])
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(finished) == 1
    again = Kept()
    background(line.wire.consume(line.first, "live", again))
    await eventually(lambda: line.wire.alive(line.first, "live"))
    await asyncio.sleep(0.1)
    assert again == []


async def test_a_sink_that_leaks_a_cancellation_does_not_end_the_consumer(line, background, eventually):
    seen = []

    async def leaky(deliveries):
        seen.extend(delivery.body for delivery in deliveries)
        if len(seen) == 1:
            inner = asyncio.ensure_future(asyncio.sleep(10))
            inner.cancel()
            await inner

    consume_both(line, background, sink=leaky)
    await line.wire.publish([line.message(body=b"1")])
    await eventually(lambda: seen == [b"1", b"1"])


async def test_an_empty_batch_is_no_work(line):
    assert await line.wire.publish([]) == []


async def test_in_process_nothing_is_confirmed_before_it_is_stored():
    wire = InProcessWire(confirm_timeout=0.1)
    wire.bind("listener", ["test.counted"])
    [outcome] = await wire.publish([Message(new_id(), "test.counted", "live", b"{}")])
    assert type(outcome) is NotConfirmed


async def test_in_process_what_was_not_confirmed_in_time_is_not_delivered_twice(background, eventually):
    wire, kept = InProcessWire(confirm_timeout=0.1), Kept()
    wire.bind("listener", ["test.counted"])
    message = Message(new_id(), "test.counted", "live", b"{}")
    await wire.publish([message])
    background(wire.consume("listener", "live", kept))
    assert await wire.publish([message]) == [None]
    assert kept.bodies == [b"{}"]


async def test_in_process_a_listener_that_is_far_behind_does_not_fill_the_memory():
    wire = InProcessWire(confirm_timeout=0.01)
    wire.bind("listener", ["#"])
    for _ in range(12):
        await wire.publish([Message(new_id(), "test.counted", "live", b"{}")] * 500)
    assert wire._lines["listener", "live"].waiting.qsize() == 5000


async def test_what_waits_for_whoever_is_free_can_be_seen(line, background, eventually):
    released = asyncio.Event()

    async def busy(_deliveries):
        await released.wait()

    consume_both(line, background, busy)
    background(line.wire.publish([line.message() for _ in range(260)]))
    await eventually(lambda: (line.wire.ready(line.first, "live") or 0) >= 10)
    released.set()
    await eventually(lambda: line.wire.ready(line.first, "live") == 0)
    assert line.wire.ready("nobody", "live") is None
