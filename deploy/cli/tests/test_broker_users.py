"""A service's broker user tells its own events and reads its own queues, on a real RabbitMQ, and that is all."""

import secrets
from urllib.parse import quote, urlsplit

import aio_pika
import pytest
from aiormq.exceptions import ChannelAccessRefused
from typer.testing import CliRunner

from common.broker import Message, NotConfirmed, RabbitWire, apply_topology, verify_topology
from common.broker.connection import open_channel
from common.contracts import facts
from common.events import new_id
from common.settings import BadSetting
from souk.broker_users import apply_users
from souk.home import SERVICES
from souk.main import app
from souk.topology import hearers


def as_user(amqp_url, name, password):
    parts = urlsplit(amqp_url)
    return parts._replace(netloc=f"{quote(name)}:{password}@{parts.hostname}:{parts.port}").geturl()


@pytest.fixture(scope="module")
def users(rabbitmq, amqp_url):
    """Each service's address; the users are named after the virtual host, for a broker has one list of them."""
    vhost = urlsplit(amqp_url).path[1:]
    urls = {name: as_user(amqp_url, f"{vhost} {name}", secrets.token_hex(8)) for name in SERVICES}
    for _ in range(2):
        told = apply_users(rabbitmq.management, urls)
    assert told[0] == f"auth: user {vhost} auth, {len(facts('auth'))} event types"
    yield urls
    for url in urls.values():
        rabbitmq.management.call("DELETE", f"users/{urlsplit(url).username}")


@pytest.fixture
async def topology(amqp_url):
    await apply_topology(amqp_url, hearers())


async def tell(url, *told):
    wire = RabbitWire(url)
    try:
        return await wire.publish([Message(new_id(), type_, lane, b"{}", mandatory=False) for type_, lane in told])
    finally:
        await wire.close()


@pytest.mark.usefixtures("topology")
@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_tells_every_event_of_its_contract_and_no_other(users, service):
    own = [(fact.wire, lane) for fact in facts(service) for lane in ("live", "bulk")]
    assert await tell(users[service], *own) == [None] * len(own)
    others = [facts(other) for other in SERVICES if other != service and facts(other)]
    strange = [(told[place].wire, "live") for told in others for place in (0, -1)]
    for forged in (*strange, (strange[0][0], "bulk"), ("some.thing", "live"), ("", "live"), ("#", "live")):
        (outcome,) = await tell(users[service], forged)
        assert isinstance(outcome, NotConfirmed), f"{service} tells {forged}"
        assert "ACCESS_REFUSED" in str(outcome)


@pytest.mark.usefixtures("topology")
@pytest.mark.parametrize("service", [hearer.service for hearer in hearers()])
async def test_a_service_can_check_and_consume_its_own_queues(users, amqp_url, service):
    await verify_topology(users[service], service)
    for queue in (service, f"{service}.bulk"):
        async with open_channel(amqp_url, "operator", confirms=True) as channel:
            await (await channel.get_queue(queue)).purge()
            await channel.default_exchange.publish(aio_pika.Message(queue.encode()), queue)
        async with open_channel(users[service], "reader", confirms=False) as channel:
            message = await (await channel.get_queue(queue, ensure=False)).get(fail=True, timeout=10)
            assert message.body == queue.encode()
            await message.ack()


async def read(channel, queue):
    await (await channel.get_queue(queue, ensure=False)).get(no_ack=True, fail=False)


async def consume(channel, queue):
    async def take(_message): ...

    await (await channel.get_queue(queue, ensure=False)).consume(take)


async def empty(channel, queue):
    await (await channel.get_queue(queue, ensure=False)).purge()


async def delete(channel, queue):
    await channel.queue_delete(queue)


async def write(channel, queue):
    await channel.default_exchange.publish(aio_pika.Message(b"forged"), queue)


@pytest.mark.usefixtures("topology")
@pytest.mark.parametrize("act", [read, consume, empty, delete, write])
@pytest.mark.parametrize("queue", ["payments", "payments.bulk", "events.dead"])
async def test_a_service_neither_reads_nor_touches_anothers_queue(users, act, queue):
    async with open_channel(users["orders"], "thief", confirms=True) as channel:
        with pytest.raises(ChannelAccessRefused):
            await act(channel, queue)


async def hear_more(channel):
    queue = await channel.get_queue("orders", ensure=False)
    await queue.bind("events", routing_key="user.#")


async def forge_past_the_exchanges(channel):
    await channel.default_exchange.publish(aio_pika.Message(b"forged"), "orders")


async def redirect(channel):
    await channel.declare_exchange("events", aio_pika.ExchangeType.FANOUT, durable=True)


async def make_a_queue(channel):
    await channel.declare_queue("orders.copy", durable=True)


@pytest.mark.usefixtures("topology")
@pytest.mark.parametrize("act", [hear_more, forge_past_the_exchanges, redirect, make_a_queue])
async def test_a_service_changes_nothing_of_the_topology(users, act):
    async with open_channel(users["orders"], "thief", confirms=True) as channel:
        with pytest.raises(ChannelAccessRefused):
            await act(channel)


async def test_a_services_user_is_no_administrator(users, rabbitmq):
    made = {user["name"]: user for user in rabbitmq.management.call("GET", "users")}
    names = [urlsplit(url).username.replace("%20", " ") for url in users.values()]
    assert all(not "".join(made[name]["tags"]) for name in names)


def test_an_address_that_names_no_user_of_its_own_is_a_sentence(rabbitmq):
    for address in ("amqp://h/", "amqp://u@h/", f"amqp://{rabbitmq.management.user}:p@h/"):
        with pytest.raises(BadSetting, match="AMQP_URL_ORDERS cannot be used"):
            apply_users(rabbitmq.management, {"orders": address})


def test_two_services_with_one_user_are_a_sentence(rabbitmq):
    urls = {"orders": "amqp://shop:one@h/", "catalog": "amqp://sh%6Fp:two@h/other"}
    with pytest.raises(BadSetting, match="AMQP_URL_ORDERS and AMQP_URL_CATALOG cannot be used together"):
        apply_users(rabbitmq.management, urls)
    assert "shop" not in {user["name"] for user in rabbitmq.management.call("GET", "users")}


def test_the_command_makes_the_users_that_the_environment_names(rabbitmq, amqp_url, users):
    told = {f"AMQP_URL_{name.upper()}": url for name, url in users.items()}
    admin = {"AMQP_URL": amqp_url, "AMQP_MANAGEMENT_URL": rabbitmq.management_url}
    result = CliRunner().invoke(app, ["topology", "users"], env=told | admin, catch_exceptions=False)
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(SERVICES)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["topology", "users"], "AMQP_URL_AUTH"),
        (["topology", "apply"], "AMQP_URL"),
        (["databases", "apply"], "ADMIN_DATABASE_URL"),
    ],
)
def test_what_is_missing_is_a_sentence(words, name):
    empty = {f"AMQP_URL_{service.upper()}": "" for service in SERVICES} | {"AMQP_URL": "", "ADMIN_DATABASE_URL": ""}
    with pytest.raises(BadSetting, match=f"^{name} is missing"):
        CliRunner().invoke(app, words, env=empty, catch_exceptions=False)
