"""docs/listen-to-events.md is run as it stands: its program, with its user, on a real RabbitMQ."""

import asyncio
import os
import re
import secrets
import shlex
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from common.broker import Message, RabbitWire, apply_topology
from common.contracts.orders import OrderPaid
from common.events import new_id
from common.money import Money
from common.testing import encode
from souk.machines.rabbit_api import Management
from souk.machines.rabbitmq import RabbitServer
from souk.topology import hearers

PAGE = (Path(__file__).parents[1] / "docs" / "listen-to-events.md").read_text()
(PROGRAM,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = {
    words[1]: words[2:] for line in re.findall(r"^rabbitmqctl .*$", PAGE, re.MULTILINE) if (words := shlex.split(line))
}


def make_user(management: Management, vhost: str, password: str) -> str:
    """Do what the page's commands do; the name is another one, for a broker has one list of users."""
    user, there = f"crm {vhost}", f"{quote(vhost)}/{quote(f'crm {vhost}')}"
    management.call("PUT", f"users/{quote(user)}", {"password": password, "tags": ""})
    _, configure, write, read = COMMANDS["set_permissions"]
    management.call("PUT", f"permissions/{there}", {"configure": configure, "write": write, "read": read})
    _, exchange, tells, hears = COMMANDS["set_topic_permissions"]
    management.call("PUT", f"topic-permissions/{there}", {"exchange": exchange, "write": tells, "read": hears})
    return user


@pytest.fixture
def crm(rabbitmq: RabbitServer, amqp_url: str) -> Iterator[str]:
    """The broker's address for the page's user."""
    parts, password = urlsplit(amqp_url), secrets.token_hex(8)
    user = make_user(rabbitmq.management, parts.path[1:], password)
    yield parts._replace(netloc=f"{quote(user)}:{password}@{parts.hostname}:{parts.port}").geturl()
    rabbitmq.management.call("DELETE", f"users/{quote(user)}")


@asynccontextmanager
async def listening(url: str, folder: Path, program: str = PROGRAM) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program while it runs; then it is killed."""
    (folder / "crm.py").write_text(program)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "crm.py",
        cwd=folder,
        env={**os.environ, "AMQP_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode().strip()


async def bound(management: Management, vhost: str, queue: str) -> None:
    """Wait until the queue has both its bindings, and the one every queue has by its name."""
    async with asyncio.timeout(20):
        while [row["destination"] for row in management.call("GET", f"bindings/{quote(vhost)}")].count(queue) < 3:
            await asyncio.sleep(0.05)


async def kept(folder: Path, count: int) -> None:
    """Wait until the program has committed so many effects: what it only printed, it would do again."""
    async with asyncio.timeout(20):
        while True:
            with closing(sqlite3.connect(folder / "crm.db")) as book:
                if book.execute("SELECT count(*) FROM heard").fetchone() == (count,):
                    return
            await asyncio.sleep(0.05)


def paid(number: str) -> OrderPaid:
    return OrderPaid(
        order_id=new_id(), number=number, user_id=new_id(), payment_id=None, lines=[], total=Money(2599, "USD")
    )


def test_the_program_is_as_short_as_the_page_says() -> None:
    assert len([written for written in PROGRAM.splitlines() if written]) <= 20


async def test_the_program_does_each_event_once_whatever_comes_twice_and_whoever_is_killed(
    rabbitmq: RabbitServer, amqp_url: str, crm: str, tmp_path: Path
) -> None:
    vhost = urlsplit(amqp_url).path[1:]
    await apply_topology(amqp_url, ())
    wire = RabbitWire(amqp_url)
    bodies = {number: encode(paid(number)) for number in ("S-1", "S-2", "S-3")}

    async def tell(*numbers: str, type_: str = "order.paid") -> None:
        told = [Message(new_id(), type_, "live", bodies[number], mandatory=False) for number in numbers]
        assert await wire.publish(told) == [None] * len(told)

    async with listening(crm, tmp_path) as process:
        await bound(rabbitmq.management, vhost, "crm")
        await tell("S-3", type_="order.created")
        await tell("S-1", "S-1", "S-2")
        assert [await line(process), await line(process)] == ["order.paid S-1", "order.paid S-2"]
        await kept(tmp_path, 2)
    await tell("S-1", "S-2", "S-3")
    async with listening(crm, tmp_path) as process:
        assert await line(process) == "order.paid S-3"
    await wire.close()


async def test_its_user_may_bind_nothing_else_and_tell_nothing(amqp_url: str, crm: str, tmp_path: Path) -> None:
    await apply_topology(amqp_url, hearers())
    wire = RabbitWire(crm)
    (outcome,) = await wire.publish([Message(new_id(), "order.paid", "live", b"{}", mandatory=False)])
    assert outcome is not None
    await wire.close()
    for curious in (PROGRAM.replace('"order.paid"', '"user.registered"'), PROGRAM.replace('"crm"', '"orders"')):
        async with listening(crm, tmp_path, curious) as process:
            assert process.stderr
            async with asyncio.timeout(20):
                said = (await process.stderr.read()).decode()
        assert "ACCESS_REFUSED" in said
