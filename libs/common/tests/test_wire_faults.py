"""RabbitMQ hurt in the ways it is hurt in real life: lost connections, dead consumers, deleted queues, silence."""

import asyncio
import time

import aio_pika
import pytest

from common.broker import NotConfirmed
from common.broker.connection import open_channel


async def test_messages_rest_on_disk_as_structured_cloud_events(rabbit):
    await rabbit.wire().publish(rabbit.messages(b'{"a":1}'))
    async with open_channel(rabbit.url, "reader", confirms=False) as channel:
        queue = await channel.get_queue(rabbit.queue)
        message = await queue.get(no_ack=True)
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.content_type == "application/cloudevents+json"
    assert message.type == rabbit.type
    assert message.routing_key == rabbit.type
    assert message.body == b'{"a":1}'


async def test_what_a_dead_consumer_had_comes_back_marked_as_redelivered(rabbit, background, eventually):
    release = asyncio.Event()

    async def stuck(_deliveries):
        await release.wait()

    proxy, wire = await rabbit.proxied(prefetch=10)
    background(wire.consume(rabbit.queue, "live", stuck))
    await eventually(lambda: wire.alive(rabbit.queue, "live"))
    await rabbit.wire().publish(rabbit.messages(b"1", b"2"))
    await asyncio.sleep(0.1)
    await proxy.stop()
    background(rabbit.wire().consume(rabbit.queue, "live", rabbit.keep))
    await eventually(lambda: len(rabbit.got) == 2)
    assert all(delivery.redelivered for delivery in rabbit.got)
    release.set()


async def test_a_cut_connection_is_mended_on_both_sides(rabbit, background, eventually):
    proxy, wire = await rabbit.proxied()
    background(wire.consume(rabbit.queue, "live", rabbit.keep))
    assert await wire.publish(rabbit.messages(b"1")) == [None]
    await eventually(lambda: len(rabbit.got) == 1)
    for number in range(3):
        proxy.cut()
        outcomes = await wire.publish(rabbit.messages(b"x%d" % number))
        while outcomes != [None]:
            outcomes = await wire.publish(rabbit.messages(b"x%d" % number))
        await eventually(lambda n=number: rabbit.got[-1].body == b"x%d" % n)


async def test_connections_the_broker_closes_are_opened_again(rabbit, rabbitmq, background, eventually):
    wire = rabbit.wire()
    background(wire.consume(rabbit.queue, "live", rabbit.keep))
    await wire.publish(rabbit.messages(b"1"))
    await eventually(lambda: len(rabbit.got) == 1)
    management = rabbitmq.management
    names = f"vhosts/{rabbit.vhost}/connections"
    await eventually(lambda: len(management.call("GET", names)) >= 2)  # listed after some seconds
    management.close_connections()
    await eventually(lambda: not wire.alive(rabbit.queue, "live"))
    outcomes = await wire.publish(rabbit.messages(b"2"))
    if outcomes != [None]:
        assert await wire.publish(rabbit.messages(b"2")) == [None]
    await eventually(lambda: rabbit.got[-1].body == b"2")


async def test_a_connection_lost_while_the_sink_works_leaves_the_batch_unacknowledged(rabbit, background, eventually):
    proxy, wire = await rabbit.proxied()
    batches = []

    async def slow(deliveries):
        batches.append(deliveries)
        if len(batches) == 1:
            proxy.cut()
            await asyncio.sleep(0.2)

    background(wire.consume(rabbit.queue, "live", slow))
    await rabbit.wire().publish(rabbit.messages(b"1"))
    await eventually(lambda: len(batches) == 2)
    assert [batch[0].redelivered for batch in batches] == [False, True]


async def test_a_deleted_queue_is_noticed_and_consumed_again_once_it_is_declared(rabbit, background, eventually):
    wire = rabbit.wire()
    background(wire.consume(rabbit.queue, "live", rabbit.keep))
    await eventually(lambda: wire.alive(rabbit.queue, "live"))
    rabbit.delete_queue()
    await eventually(lambda: not wire.alive(rabbit.queue, "live"))
    await rabbit.declare()
    await eventually(lambda: wire.alive(rabbit.queue, "live"))
    await wire.publish(rabbit.messages(b"after"))
    await eventually(lambda: [delivery.body for delivery in rabbit.got] == [b"after"])


async def test_a_broker_that_is_away_confirms_nothing_and_says_so_at_once(rabbit):
    proxy, wire = await rabbit.proxied(confirm_timeout=3)
    await proxy.stop()
    started = time.monotonic()
    outcomes = await wire.publish(rabbit.messages(*[b"{}"] * 600))
    assert time.monotonic() - started < 3
    assert [type(outcome) for outcome in outcomes] == [NotConfirmed] * 600


async def test_a_silent_broker_costs_one_time_out_whatever_the_number_of_messages(rabbit):
    proxy, wire = await rabbit.proxied(confirm_timeout=0.5)
    assert await wire.publish(rabbit.messages(b"{}")) == [None]
    proxy.flowing.clear()
    started = time.monotonic()
    outcomes = await wire.publish(rabbit.messages(*[b"{}"] * 1000))
    assert time.monotonic() - started < 4
    assert [type(outcome) for outcome in outcomes] == [NotConfirmed] * 1000
    proxy.flowing.set()
    assert await wire.publish(rabbit.messages(b"{}")) == [None]


async def test_a_broker_that_never_greets_does_not_hang_the_publisher(rabbit):
    proxy, wire = await rabbit.proxied(confirm_timeout=0.5)
    proxy.flowing.clear()
    [outcome] = await wire.publish(rabbit.messages(b"{}"))
    assert type(outcome) is NotConfirmed


async def test_hundreds_are_in_flight_and_each_is_confirmed(rabbit):
    outcomes = await rabbit.wire().publish(rabbit.messages(*[b"{}"] * 700))
    assert outcomes == [None] * 700


async def test_a_publish_that_is_cancelled_leaves_nothing_behind(rabbit):
    proxy, wire = await rabbit.proxied()
    await wire.publish(rabbit.messages(b"{}"))
    proxy.flowing.clear()
    task = asyncio.create_task(wire.publish(rabbit.messages(b"{}")))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    proxy.flowing.set()
    assert await wire.publish(rabbit.messages(b"{}")) == [None]
