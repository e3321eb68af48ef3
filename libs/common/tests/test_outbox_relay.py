"""The relay: what was committed is told in order of its numbers until it is confirmed, by one process at a time."""

import asyncio
from uuid import UUID

import orjson
import pytest

from common.broker import InProcessWire, NotConfirmed
from common.events import Event, new_id
from common.outbox import Relay, emit
from common.outbox.relay import RelayPolicy

from .telling import Listener, counted, tell


class Unheard(Event, wire="test.unheard", subject="subject_id"):
    subject_id: UUID


class Told(Event, wire="test.told", subject="subject_id", heard=False):
    subject_id: UUID


class Forgetful(InProcessWire):
    """A wire that delivers, and loses the confirm of the first few."""

    lost = 2

    async def publish(self, messages):
        outcomes = await super().publish(messages)
        if self.lost:
            self.lost -= 1
            return [NotConfirmed("the confirm was lost") for _ in outcomes]
        return outcomes


class Choosy(InProcessWire):
    """A wire that does not confirm the facts of one amount, so many times, and keeps what it was given."""

    def __init__(self, refused, times):
        super().__init__()
        self.refused, self.times, self.given = refused, times, []

    async def publish(self, messages):
        amounts = [orjson.loads(message.body)["data"]["amount"] for message in messages]
        self.given += [amounts] if amounts else []
        refuses = self.times > 0 and self.refused in amounts
        self.times -= refuses
        return [NotConfirmed("nack") if refuses and amount == self.refused else None for amount in amounts]


@pytest.fixture
async def teller(open_service_database):
    return await open_service_database("teller")


@pytest.fixture
async def listener(background):
    made = Listener()
    for lane in ("live", "bulk"):
        background(made.wire.consume("listener", lane, made.take))
    return made


@pytest.fixture
async def relay_over(metrics, background):
    def start(database, wire, **policy):
        relay = Relay(database, wire, metrics, RelayPolicy(**{"poll": 0.05, **policy}))
        background(relay.run())
        return relay

    return start


async def test_a_committed_fact_is_told_and_a_rolled_back_one_never(teller, listener, relay_over, eventually, ask):
    with pytest.raises(ZeroDivisionError):
        async with teller.transaction() as session:
            emit(session, counted())
            raise ZeroDivisionError
    [told] = await tell(teller, counted(7))
    relay_over(teller, listener.wire)
    await eventually(lambda: listener.heard)
    [envelope] = listener.heard
    assert (envelope.id, envelope.type, envelope.source, envelope.sequence) == (told, "test.counted", "/teller", 1)
    assert envelope.data["amount"] == 7
    await eventually(lambda: ask(teller, "SELECT FROM outbox WHERE sent_at IS NOT NULL"))
    assert len(await ask(teller, "SELECT FROM outbox")) == 1


async def test_sequences_are_dense_over_batches_rollbacks_and_relays(teller, listener, relay_over, eventually):
    for _ in range(3):
        relay_over(teller, listener.wire, batch=7)
    for number in range(20):
        await tell(teller, counted(number), counted(number))
        with pytest.raises(ZeroDivisionError):
            async with teller.transaction() as session:
                emit(session, counted())
                raise ZeroDivisionError
    await eventually(lambda: len(listener.heard) == 40)
    assert sorted(listener.sequences) == list(range(1, 41))


async def test_a_late_commit_of_an_earlier_id_is_sent_too(teller, listener, relay_over, eventually):
    relay_over(teller, listener.wire)
    async with teller.transaction() as session:
        early = emit(session, counted(1))
        [late] = await tell(teller, counted(2))
        await eventually(lambda: len(listener.heard) == 1)
    await eventually(lambda: len(listener.heard) == 2)
    assert early < late
    assert [envelope.id for envelope in listener.heard] == [late, early]
    assert listener.sequences == [1, 2]


async def test_what_nobody_listens_to_steps_aside_and_is_sent_once_somebody_does(
    teller, listener, relay_over, eventually, ask
):
    await tell(teller, *[Unheard(subject_id=new_id()) for _ in range(5)])
    await tell(teller, *[counted() for _ in range(10)])
    relay_over(teller, listener.wire, batch=3)
    await eventually(lambda: len(listener.heard) == 10)
    rows = await ask(teller, "SELECT error, attempts FROM outbox WHERE sent_at IS NULL")
    assert {row["error"] for row in rows} == {"nobody listens"}
    listener.wire._lines["listener", "live"].types = frozenset({"test.counted", "test.unheard"})
    await ask(teller, "UPDATE outbox SET retry_at = now()")
    await eventually(lambda: len(listener.heard) == 15)
    assert sorted(listener.sequences) == list(range(1, 16))


async def test_what_nobody_has_to_hear_is_sent_all_the_same(teller, listener, relay_over, eventually, ask):
    await tell(teller, Told(subject_id=new_id()))
    relay_over(teller, listener.wire)
    await eventually(lambda: ask(teller, "SELECT FROM outbox WHERE sent_at IS NOT NULL"))


async def test_what_was_not_confirmed_is_sent_again_with_the_same_sequence(
    teller, relay_over, background, eventually, ask
):
    listener = Listener()
    listener.wire = wire = Forgetful(confirm_timeout=1)
    wire.bind("listener", ["test.counted"])
    background(wire.consume("listener", "live", listener.take))
    await tell(teller, counted(), counted())
    relay_over(teller, wire)
    await eventually(lambda: ask(teller, "SELECT FROM outbox WHERE sent_at IS NOT NULL"))
    assert listener.sequences == [1, 2] * 3
    assert len({envelope.id for envelope in listener.heard}) == 2


async def test_what_was_not_confirmed_goes_before_all_that_was_not_beside_it(teller, relay_over, eventually, ask):
    await tell(teller, *[counted(number) for number in range(1, 8)])
    wire = Choosy(refused=1, times=3)
    relay_over(teller, wire, batch=3)
    await eventually(lambda: sum(map(len, wire.given)) == 10)
    assert wire.given == [[1, 2, 3], [1, 4, 5], [1, 6, 7], [1]]
    assert await ask(teller, "SELECT FROM outbox WHERE sent_at IS NULL") == []


async def test_what_is_confirmed_never_does_not_stop_the_rest(teller, relay_over, eventually, ask):
    await tell(teller, *[counted(1)] * 2, *[counted(number) for number in range(2, 12)])
    wire = Choosy(refused=1, times=1000)
    relay_over(teller, wire, batch=3, tries=2)
    await eventually(lambda: 11 in {amount for amounts in wire.given for amount in amounts})
    rows = await ask(teller, "SELECT error, attempts, retry_at > now() AS aside FROM outbox WHERE sent_at IS NULL")
    assert [tuple(row.values()) for row in rows] == [("not confirmed", 2, True)] * 2
    assert [amounts for amounts in wire.given if 1 not in amounts]
    wire.times = 0
    await ask(teller, "UPDATE outbox SET retry_at = now()")
    await eventually(lambda: ask(teller, "SELECT FROM outbox HAVING bool_and(sent_at IS NOT NULL)"))


async def test_a_broker_that_is_away_is_no_rows_fault(teller, relay_over, eventually, ask):
    await tell(teller, counted(1), counted(1))
    wire = Choosy(refused=1, times=8)
    relay_over(teller, wire, tries=2)
    await eventually(lambda: ask(teller, "SELECT FROM outbox HAVING bool_and(sent_at IS NOT NULL)"))
    assert [row["attempts"] for row in await ask(teller, "SELECT attempts FROM outbox")] == [0, 0]


@pytest.mark.parametrize("point", ["relay.published", "relay.confirmed"])
async def test_a_relay_that_breaks_off_goes_on(teller, listener, relay_over, eventually, ask, arm, point):
    arm(f"{point}:raise@1")
    await tell(teller, counted())
    relay_over(teller, listener.wire)
    await eventually(lambda: ask(teller, "SELECT FROM outbox WHERE sent_at IS NOT NULL"))
    assert listener.sequences[0] == 1


async def test_a_relay_outlives_a_cancellation_that_leaks_from_the_wire(teller, listener, relay_over, eventually, ask):
    class Leaky(InProcessWire):
        leaks = 2

        async def publish(self, messages):
            if self.leaks:
                self.leaks -= 1
                raise asyncio.CancelledError
            return await listener.wire.publish(messages)

    await tell(teller, counted())
    relay_over(teller, Leaky())
    await eventually(lambda: listener.heard)


async def test_one_relay_leads_and_the_other_takes_over_when_it_loses_its_connection(
    teller, open_service_database, listener, relay_over, eventually, ask, metrics
):
    other = await open_service_database("teller", url=teller.engine.url.render_as_string(hide_password=False))
    first = relay_over(teller, listener.wire)
    await eventually(lambda: first.leading)
    second = relay_over(other, listener.wire)
    await asyncio.sleep(0.2)
    assert not second.leading
    first._policy = RelayPolicy(poll=60)  # it is frozen: it will not come back in this test
    await kill_leader(ask, teller)
    await eventually(lambda: second.leading)
    await tell(teller, counted())
    await eventually(lambda: listener.heard)
    assert not first.leading


async def test_the_relay_outlives_every_connection_the_server_ends(teller, listener, relay_over, eventually, ask):
    relay = relay_over(teller, listener.wire)
    for number in range(1, 4):
        await tell(teller, counted())
        await eventually(lambda n=number: relay.leading and len(set(listener.sequences)) >= n)
        await kill_leader(ask, teller)
        await eventually(lambda: not relay.leading)
    await tell(teller, counted())
    await eventually(lambda: len(set(listener.sequences)) == 4)
    assert set(listener.sequences) == {1, 2, 3, 4}


async def kill_leader(ask, database):
    killed = await ask(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'souk-%-relay' "
        "AND datname = current_database() "
        "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)",
    )
    assert killed


async def test_a_frozen_leader_is_dropped_by_the_server(teller, listener, relay_over, eventually, ask):
    relay_over(teller, listener.wire, poll=60, frozen_after=0.3)
    running = (
        "SELECT FROM pg_stat_activity WHERE application_name = 'souk-teller-relay' AND datname = current_database()"
    )
    await eventually(lambda: ask(teller, running))

    async def gone():
        return not await ask(teller, running)

    await eventually(gone)


async def test_a_sale_does_not_stand_behind_an_import(teller, listener, relay_over, eventually):
    await tell(teller, *[counted(0) for _ in range(30)], lane="bulk")
    await tell(teller, *[counted(1) for _ in range(5)])
    relay_over(teller, listener.wire, batch=10)
    await eventually(lambda: len(listener.heard) == 35)
    assert [envelope.data["amount"] for envelope in listener.heard[:5]] == [1] * 5


async def test_a_woken_relay_does_not_wait_for_its_poll(teller, listener, relay_over, eventually):
    relay = relay_over(teller, listener.wire, poll=30)
    await eventually(lambda: relay.leading)
    await asyncio.sleep(0.2)
    await tell(teller, counted())
    await eventually(lambda: listener.heard, seconds=2)


async def test_an_unreachable_database_is_tried_again(teller, listener, relay_over, eventually, through_proxy):
    proxy = await through_proxy(teller.engine.url.render_as_string(hide_password=False))
    teller.dsn = proxy.url.replace("+asyncpg", "")
    relay = relay_over(teller, listener.wire)
    await eventually(lambda: relay.leading)
    proxy.cut()
    await eventually(lambda: not relay.leading)
    await tell(teller, counted())
    await eventually(lambda: listener.heard)
