"""The topology is declared by one command, and what does not fit it is said in a sentence."""

import aio_pika
import pytest
from aio_pika.exceptions import ChannelNotFoundEntity

from common.broker import Hearer, Message, RabbitWire, TopologyMismatch, apply_topology, verify_topology
from common.broker.connection import open_channel
from common.events import new_id


@pytest.fixture
def hearer():
    return Hearer(f"service-{new_id().hex}", frozenset({f"test.{new_id().hex}", "test.other"}))


async def test_applying_it_twice_changes_nothing(amqp_url, hearer):
    first = await apply_topology(amqp_url, [hearer])
    assert await apply_topology(amqp_url, [hearer]) == first
    assert first == [f"{hearer.service}: 2 bindings on events", f"{hearer.service}.bulk: 2 bindings on events.bulk"]
    await verify_topology(amqp_url, hearer.service)


async def test_queues_are_durable_quorum_queues_with_a_dead_letter_exchange(amqp_url, hearer, rabbitmq):
    await apply_topology(amqp_url, [hearer])
    vhost = amqp_url.rsplit("/", 1)[1]
    for name in (hearer.service, f"{hearer.service}.bulk"):
        queue = rabbitmq.management.call("GET", f"queues/{vhost}/{name}")
        assert queue["durable"]
        assert queue["arguments"]["x-queue-type"] == "quorum"
        assert queue["arguments"]["x-dead-letter-exchange"] == "events.dead"


async def test_a_missing_queue_is_said_with_its_mend(amqp_url, hearer):
    with pytest.raises(TopologyMismatch, match=f"no queue '{hearer.service}': run `souk topology apply`"):
        await verify_topology(amqp_url, hearer.service)


async def test_a_queue_with_other_arguments_is_said_with_its_mend(amqp_url, hearer):
    async with open_channel(amqp_url, "vandal", confirms=False) as channel:
        await channel.declare_queue(hearer.service, durable=True)
    with pytest.raises(TopologyMismatch, match="exists with other arguments: let it drain, delete it"):
        await apply_topology(amqp_url, [hearer])
    with pytest.raises(TopologyMismatch, match=f"{hearer.service}.*exists with other arguments"):
        await verify_topology(amqp_url, hearer.service)


async def test_who_hears_everything_is_bound_to_everything(amqp_url):
    audit = Hearer(f"audit-{new_id().hex}", frozenset({"#"}))
    await apply_topology(amqp_url, [audit])
    wire = RabbitWire(amqp_url)
    try:
        assert await wire.publish([Message(new_id(), "some.thing", "live", b"{}")]) == [None]
    finally:
        await wire.close()
    async with open_channel(amqp_url, "reader", confirms=False) as channel:
        queue = await channel.get_queue(audit.service)
        assert (await queue.get(no_ack=True)).body == b"{}"


async def test_what_the_broker_gives_up_on_lies_in_the_dead_letter_queue(amqp_url, hearer):
    await apply_topology(amqp_url, [hearer])
    async with open_channel(amqp_url, "reader", confirms=False) as channel:
        with pytest.raises(ChannelNotFoundEntity):
            await channel.declare_queue("events.dying", passive=True)
    async with open_channel(amqp_url, "reader", confirms=False) as channel:
        await channel.default_exchange.publish(aio_pika.Message(b"bad"), hearer.service)
        message = await (await channel.get_queue(hearer.service)).get()
        await message.reject(requeue=False)
        morgue = await channel.get_queue("events.dead")
        for _ in range(100):
            if dead := await morgue.get(fail=False, no_ack=True):
                break
        assert dead.body == b"bad"
