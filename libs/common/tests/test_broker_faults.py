"""RabbitMQ against us in three ways it is known for: it loses patience, its queue is another, a binding is gone."""

import asyncio

import pytest

from common.broker import Hearer, Message, TopologyMismatch, Unroutable, apply_topology, verify_topology
from common.events import new_id
from common.outbox import Relay
from common.outbox.relay import RelayPolicy
from souk.machines.errors import MachineError

from .telling import counted, tell

PATIENCE = "application:set_env(rabbit,consumer_timeout,{}),application:set_env(rabbit,channel_tick_interval,{})."


@pytest.fixture
def impatient(rabbitmq):
    """The broker waits one second for an acknowledgement instead of half an hour."""
    try:
        rabbitmq.ctl("eval", PATIENCE.format(1_000, 500))
    except MachineError as error:
        pytest.skip(str(error))
    yield
    rabbitmq.ctl("eval", PATIENCE.format(1_800_000, 60_000))


@pytest.mark.usefixtures("impatient")
async def test_who_takes_longer_than_the_broker_waits_loses_his_channel_and_gets_it_all_again(
    rabbit, background, eventually
):
    wire, batches = rabbit.wire(), []

    async def slow_at_first(deliveries):
        batches.append(deliveries)
        if len(batches) == 1:
            await eventually(lambda: not wire.alive(rabbit.queue, "live"), seconds=30)

    background(wire.consume(rabbit.queue, "live", slow_at_first))
    await rabbit.wire().publish(rabbit.messages(b"1", b"2"))
    await eventually(lambda: {delivery.body for batch in batches[1:] for delivery in batch} == {b"1", b"2"}, seconds=30)
    assert all(delivery.redelivered for batch in batches[1:] for delivery in batch if delivery.body == b"1")
    await rabbit.wire().publish(rabbit.messages(b"3"))
    await eventually(lambda: batches[-1][-1].body == b"3")
    await asyncio.sleep(2)
    assert wire.alive(rabbit.queue, "live")


async def test_a_queue_that_has_become_another_stops_nothing_else_and_is_said_at_the_next_start(
    rabbit, background, eventually
):
    wire, elsewhere = rabbit.wire(), f"test.{new_id().hex}"
    await apply_topology(rabbit.url, [Hearer(f"q-{new_id().hex}", frozenset({elsewhere}))])
    background(wire.consume(rabbit.queue, "live", rabbit.keep))
    await eventually(lambda: wire.alive(rabbit.queue, "live"))
    rabbit.make_classic()
    for _ in range(3):
        here, there = await wire.publish([*rabbit.messages(b"{}"), Message(new_id(), elsewhere, "live", b"{}")])
        assert (type(here), there) == (Unroutable, None)
    with pytest.raises(TopologyMismatch, match="exists with other arguments"):
        await verify_topology(rabbit.url, rabbit.queue)
    rabbit.delete_queue()
    # Whose queue is another within a moment, RabbitMQ 3.10 takes along without a word, and sends him nothing.
    await eventually(lambda: not wire.alive(rabbit.queue, "live"))
    await rabbit.declare()
    assert await wire.publish(rabbit.messages(b"after")) == [None]
    await eventually(lambda: [delivery.body for delivery in rabbit.got] == [b"after"])


async def test_an_event_whose_binding_is_gone_stays_unsent_and_raises_an_alarm_until_it_is_back(
    rabbit, open_service_database, metrics, background, eventually, ask, captured_logs
):
    rabbit.type = "test.counted"
    await rabbit.declare()
    teller, wire = await open_service_database("teller"), rabbit.wire()
    background(wire.consume(rabbit.queue, "live", rabbit.keep))
    rabbit.unbind()
    await tell(teller, counted(), counted())
    background(Relay(teller, wire, metrics, RelayPolicy(poll=0.05)).run())
    unheard = "SELECT FROM outbox WHERE sent_at IS NULL AND error = 'nobody listens' AND attempts > 0"
    await eventually(lambda: ask(teller, unheard))
    assert len(await ask(teller, unheard)) == 2
    assert metrics.publish_failures.labels("test.counted", "Unroutable")._value.get() >= 2
    assert any("souk topology apply" in line["event"] for line in captured_logs if line["log_level"] == "error")
    await rabbit.declare()
    await ask(teller, "UPDATE outbox SET retry_at = now() RETURNING id")
    await eventually(lambda: len(rabbit.got) == 2)

    async def all_sent():
        return not await ask(teller, "SELECT FROM outbox WHERE sent_at IS NULL")

    await eventually(all_sent)
    assert not rabbit.got[0].redelivered
