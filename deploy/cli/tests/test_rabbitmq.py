"""The private RabbitMQ: crashes, stopped clocks, other users, and finding one at all."""

import os
import socket

import pytest

from souk.machines import rabbitmq as module
from souk.machines.errors import MachineError
from souk.machines.processes import wait_until
from souk.machines.rabbit_packages import find_scripts
from souk.machines.rabbitmq import RabbitServer

START = """
import sys
from pathlib import Path
from souk.machines.rabbitmq import RabbitServer
server = RabbitServer(Path(sys.argv[1]) / "mq").start()
print(server.add_vhost("a"), server.ctl("list_vhosts", "name"))
server.erase()
"""
own_node = pytest.mark.skipif(
    bool(os.environ.get("AMQP_URL")) or find_scripts() is None, reason="needs a RabbitMQ that is installed here"
)


@own_node
@pytest.mark.slow
def test_its_virtual_hosts_and_address_survive_a_kill(tmp_path):
    server = RabbitServer(tmp_path / "mq").start()
    try:
        url = server.add_vhost("shop/1")
        assert url.endswith("/shop%2F1")
        server.kill()
        server.start()
        assert server.add_vhost("shop/1") == url
        assert "shop/1" in server.ctl("list_vhosts", "name")
        server.freeze()
        with socket.create_connection(("127.0.0.1", int(server.management_url.rpartition(":")[2])), 1) as client:
            client.settimeout(0.3)
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with pytest.raises(TimeoutError):
                client.recv(1)
        server.thaw()
        assert wait_until(server.management.is_up, 10)
    finally:
        server.erase()
    assert not server.directory.exists()


@own_node
@pytest.mark.slow
def test_it_runs_for_an_ordinary_user_in_a_closed_home(as_ordinary_user):
    assert "amqp://" in as_ordinary_user(START)


def test_a_given_broker_is_used_and_never_hurt(tmp_path, monkeypatch, rabbitmq):
    monkeypatch.setenv("AMQP_URL", rabbitmq.amqp_url)
    monkeypatch.setenv("AMQP_MANAGEMENT_URL", rabbitmq.management_url)
    given = RabbitServer(tmp_path / "mq").start()
    assert given.amqp_url == rabbitmq.amqp_url
    for hurt in (given.kill, given.freeze, given.thaw):
        with pytest.raises(MachineError, match="belongs to somebody else"):
            hurt()
    given.stop()
    given.erase()
    assert rabbitmq.management.is_up()


def test_where_there_is_none_a_sentence_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.delenv("AMQP_URL", raising=False)
    for way in ("find_scripts", "install_scripts", "docker_answers"):
        monkeypatch.setattr(module, way, lambda: None)
    with pytest.raises(MachineError, match="No RabbitMQ was found"):
        RabbitServer(tmp_path / "mq").start()


def test_using_one_that_was_not_started_is_refused(tmp_path):
    with pytest.raises(MachineError, match="not started"):
        RabbitServer(tmp_path / "mq").kill()
