"""Shards of an outbox: what concerns one thing keeps its order, and processes share the shards."""

import asyncio
from collections import defaultdict

import pytest

from common.events import new_id
from common.outbox import Relay, Relays
from common.outbox.relay import RelayPolicy

from .telling import Counted, Listener, counted, tell

SHARDS = 4


@pytest.fixture
async def teller(open_service_database):
    made = await open_service_database("teller")
    made.spread(SHARDS)
    return made


@pytest.fixture
async def listener(background):
    made = Listener()
    background(made.wire.consume("listener", "live", made.take))
    return made


@pytest.fixture
def relays_over(metrics, background):
    """`relays_over(database, wire)`: the relays of one more process, and the task they run in."""

    def start(database, wire, shards=SHARDS):
        relays = Relays(database, wire, metrics, shards, RelayPolicy(poll=0.05, frozen_after=2))
        return relays, background(relays.run())

    return start


async def test_what_concerns_one_thing_stays_in_its_order_and_every_source_is_numbered_without_a_gap(
    teller, listener, relays_over, eventually
):
    subjects = [new_id() for _ in range(12)]
    for amount in range(10):
        await tell(teller, *[Counted(subject_id=subject, amount=amount) for subject in subjects])
    relays_over(teller, listener.wire)
    await eventually(lambda: len(listener.heard) == 120)
    amounts, sequences = defaultdict(list), defaultdict(list)
    for envelope in listener.heard:
        amounts[envelope.subject].append((envelope.sequence, envelope.data["amount"]))
        sequences[envelope.source].append(envelope.sequence)
    assert [[amount for _, amount in sorted(told)] for told in amounts.values()] == [list(range(10))] * 12
    assert set(sequences) == {"/teller", "/teller/1", "/teller/2", "/teller/3"}
    assert all(sorted(given) == list(range(1, len(given) + 1)) for given in sequences.values())


async def test_two_processes_lead_half_of_the_shards_each_and_one_that_is_alone_all(
    teller, listener, relays_over, eventually, open_service_database
):
    first, _ = relays_over(teller, listener.wire)
    await eventually(lambda: first.led == [0, 1, 2, 3])
    url = teller.engine.url.render_as_string(hide_password=False)
    second, running = relays_over(await open_service_database("teller", url=url), listener.wire)
    await eventually(lambda: len(first.led) == len(second.led) == SHARDS / 2)
    assert sorted(first.led + second.led) == [0, 1, 2, 3]
    await tell(teller, *[counted() for _ in range(40)])
    await eventually(lambda: len({envelope.id for envelope in listener.heard}) == 40)
    running.cancel()
    await eventually(lambda: first.led == [0, 1, 2, 3])


async def test_what_a_former_setting_left_in_other_shards_is_sent(teller, listener, relays_over, eventually):
    await tell(teller, *[counted() for _ in range(40)])
    teller.spread(1)
    await tell(teller, counted())
    relays_over(teller, listener.wire, shards=1)
    await eventually(lambda: len({envelope.id for envelope in listener.heard}) == 41)


async def test_a_relay_that_is_to_stand_by_gives_up_its_lead_and_seeks_none(
    teller, listener, metrics, background, eventually
):
    relay = Relay(teller, listener.wire, metrics, RelayPolicy(poll=0.05))
    background(relay.run())
    await eventually(lambda: relay.leading)
    relay.stands_by = True
    await eventually(lambda: not relay.leading)
    await asyncio.sleep(0.3)
    assert not relay.leading
    relay.stands_by = False
    await eventually(lambda: relay.leading)


async def test_shards_are_shared_again_after_the_database_was_away(
    teller, listener, relays_over, eventually, through_proxy
):
    proxy = await through_proxy(teller.engine.url.render_as_string(hide_password=False))
    teller.dsn = proxy.url.replace("+asyncpg", "")
    relays, _ = relays_over(teller, listener.wire)
    await eventually(lambda: len(relays.led) == SHARDS)
    proxy.cut()
    await eventually(lambda: len(relays.led) < SHARDS)
    await tell(teller, *[counted() for _ in range(20)])
    await eventually(lambda: len({envelope.id for envelope in listener.heard}) == 20)
    assert relays.leading
