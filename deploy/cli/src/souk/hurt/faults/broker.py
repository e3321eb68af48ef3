"""The broker killed, stopped, absent, and cutting off those it serves."""

import asyncio
import time
from typing import Final

import httpx2

from souk.fleet import apply_topology_now
from souk.home import SERVICES
from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage
from souk.machines.errors import MachineError

_AWAY: Final = 4.0
_BACK_WITHIN: Final = 30.0
_CUTS: Final = 3
_LISTED_WITHIN: Final = 30.0  # the broker lists what it counted some seconds ago


@fault("F9", "RabbitMQ is killed under load, and started again.")
async def broker_killed(stage: Stage) -> Blow:
    """F9: whatever was confirmed is on its disk, whatever was not is sent again."""
    broker = stage.fleet.rabbitmq
    before = broker.pid
    stage.count_in_flight()
    await asyncio.to_thread(broker.kill)
    await asyncio.sleep(_AWAY)
    await asyncio.to_thread(broker.start)
    return Blow(int(broker.pid != before), f"process {before} became {broker.pid}")


@fault("F10", "RabbitMQ's application is stopped and started, its machine stays.")
async def broker_stopped(stage: Stage) -> Blow:
    """F10: nobody restarts a service; each finds its way back by itself."""
    broker = stage.fleet.rabbitmq
    stage.count_in_flight()
    await asyncio.to_thread(broker.ctl, "stop_app")
    away = await asyncio.to_thread(lambda: not broker.management.is_up())
    await asyncio.sleep(_AWAY)
    await asyncio.to_thread(broker.ctl, "start_app")
    await stage.managed("GET", "overview")
    return Blow(int(away))


@fault("F11", "Every service is started while there is no broker.", lasts=70)
async def broker_absent(stage: Stage) -> Blow:
    """F11: they start, sell from their own books, and join in as soon as there is one."""
    broker = stage.fleet.rabbitmq
    await stage.kill(*SERVICES)
    await asyncio.to_thread(broker.kill)
    for service in SERVICES:
        await stage.start(service)
    answered = await _answers_without_broker(stage)
    await asyncio.to_thread(broker.start)
    return Blow(answered, f"{answered} pages served without a broker")


async def _answers_without_broker(stage: Stage) -> int:
    end, answered = time.monotonic() + _BACK_WITHIN, 0
    while not answered and time.monotonic() < end:
        for path in ("products", "products?limit=1", f"products/{stage.crowd.products[0]['id']}"):
            answer = await stage.http.get(f"{stage.fleet.where.public}/api/v1/{path}")
            answered += answer.status_code == httpx2.codes.OK
        await asyncio.sleep(0.5)
    for service in SERVICES:
        if len(stage.running(service)) < len(stage.units(service)):
            raise NotAsPlanned(f"{service} does not start without a broker")
    return answered


@fault("F15", "The broker closes every connection, three times.")
async def connections_closed(stage: Stage) -> Blow:
    """F15: what was in hand is delivered again, and absorbed."""
    return Blow(await close_connections(stage, _CUTS))


async def close_connections(stage: Stage, times: int, *, of: str = "") -> int:
    """Have the broker close connections so many times, and go on until it knows of any; return how many."""
    closed, rounds, end = 0, 0, time.monotonic() + _LISTED_WITHIN
    while rounds < times or (not closed and time.monotonic() < end):
        rounds += 1
        stage.count_in_flight()
        for connection in await stage.manage("GET", "connections"):
            if of in str(connection.get("client_properties", {}).get("connection_name", "")):
                closed += await _close(stage, connection["name"])
        await asyncio.sleep(2)
    return closed


async def _close(stage: Stage, name: str) -> bool:
    try:
        await stage.manage("DELETE", f"connections/{name.replace(' ', '%20').replace('>', '%3E')}")
    except MachineError:  # it was gone by itself
        return False
    return True


@fault("F16", "Every queue is deleted while it is empty, and declared again: consumers are cancelled.", crowd=0)
async def consumers_cancelled(stage: Stage) -> Blow:
    """F16: the connection stays open and silent; each consumer has to notice by itself."""
    names = [queue["name"] for queue in await stage.manage("GET", "queues") if queue["name"] != "events.dead"]
    for name in names:
        await stage.manage("DELETE", f"queues/%2F/{name}")
    await asyncio.to_thread(apply_topology_now, stage.fleet.where.amqp_url)
    stage.crowd.open()
    began = time.monotonic()
    while unheard := [name for name in names if not await _consumers(stage, name)]:
        if time.monotonic() - began > _BACK_WITHIN:
            raise NotAsPlanned(f"nobody consumes {', '.join(unheard)} any more")
        await asyncio.sleep(0.5)
    return Blow(len(names), f"all consumed again after {time.monotonic() - began:.1f} s")


async def _consumers(stage: Stage, queue: str) -> int:
    found = await stage.managed("GET", f"queues/%2F/{queue}")
    return int(found.get("consumers") or 0)


@fault("F28", "Handlers sleep in the middle while their connection is closed.")
async def handler_cancelled(stage: Stage) -> Blow:
    """F28: a handler that loses its connection is finished or undone, never halved."""
    await stage.kill("catalog")
    await stage.start("catalog", FAULTS="inbox.handling.order.created:sleep=0.3")
    await stage.whole("catalog")
    closed = await close_connections(stage, _CUTS, of="catalog")
    await stage.kill("catalog")
    return Blow(closed)
