"""A RabbitMQ for tests and demos, wherever it comes from: given, installed, Debian's package, or Docker."""

import os
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from souk.machines.errors import MachineError
from souk.machines.rabbit_api import Management
from souk.machines.rabbit_docker import Container, docker_answers
from souk.machines.rabbit_node import Node
from souk.machines.rabbit_packages import find_scripts, install_scripts

MISSING = (
    "No RabbitMQ was found: AMQP_URL is not set, there is no rabbitmq-server on the PATH or in /usr/lib/rabbitmq/bin, "
    "Debian's package could not be installed (that needs root and apt-get), and no Docker daemon answers. Do one of: "
    "`apt-get install --no-install-recommends rabbitmq-server`, start Docker, or set AMQP_URL to a broker with the "
    "management plugin."
)


class Broker(Protocol):
    """What every kind of RabbitMQ here can do."""

    @property
    def amqp_url(self) -> str:
        """The address of the default virtual host."""
        ...

    @property
    def management(self) -> Management:
        """Its management API."""
        ...

    @property
    def pid(self) -> int:
        """The process id of the server."""
        ...

    def start(self) -> None:
        """Start and wait until it answers."""

    def stop(self) -> None:
        """End it gently."""

    def kill(self) -> None:
        """SIGKILL."""

    def freeze(self) -> None:
        """Stop its clock."""

    def thaw(self) -> None:
        """Let it go on."""

    def erase(self) -> None:
        """End it and delete its files."""

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl."""
        ...


class Given:
    """Somebody else's broker, named by AMQP_URL: used, never started or hurt.

    Its management API is at AMQP_MANAGEMENT_URL, or on port 15672 of the same host.
    """

    def __init__(self, url: str, management_url: str | None) -> None:
        parts = urlsplit(url)
        self.amqp_url = url
        user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
        self.management = Management(management_url or f"http://{parts.hostname}:15672", user, password)

    @property
    def pid(self) -> int:
        """Unknown: raises MachineError."""
        raise MachineError(self._refusal())

    def start(self) -> None:
        """See that it answers. Raises MachineError."""
        self.management.call("GET", "overview")

    def stop(self) -> None:
        """Leave it running."""

    erase = stop

    def kill(self) -> None:
        """Refuse: raises MachineError."""
        raise MachineError(self._refusal())

    freeze = thaw = kill

    def ctl(self, *_arguments: str) -> str:
        """Refuse: raises MachineError."""
        raise MachineError(self._refusal())

    @staticmethod
    def _refusal() -> str:
        return "The broker of AMQP_URL belongs to somebody else. Unset AMQP_URL for tests that stop or hurt the broker."


class RabbitServer:
    """A broker with files in `directory`: kept over `kill` and `start`, deleted by `erase`. Found when it starts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._broker: Broker | None = None

    @property
    def amqp_url(self) -> str:
        """The address of the default virtual host."""
        return self._found().amqp_url

    @property
    def management_url(self) -> str:
        """The address of the management API, without user and password."""
        return self._found().management.url

    @property
    def management(self) -> Management:
        """The management API with the right user."""
        return self._found().management

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._found().pid

    def start(self) -> "RabbitServer":
        """Find it, start it, wait until it answers. Raises MachineError with a sentence that says what is missing."""
        if self._broker is None:
            self._broker = self._find()
        self._broker.start()
        return self

    def stop(self) -> None:
        """End it gently, which takes a few seconds."""
        if self._broker is not None:
            self._broker.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._found().kill()

    def freeze(self) -> None:
        """Stop its clock: connections stay open and nothing is answered."""
        self._found().freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self._found().thaw()

    def erase(self) -> None:
        """End it at once and delete its files."""
        if self._broker is not None:
            self._broker.erase()

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` with these arguments prints. Raises MachineError when it fails."""
        return self._found().ctl(*arguments)

    def add_vhost(self, name: str) -> str:
        """Make a virtual host and return its address."""
        self.management.add_vhost(name)
        return urlunsplit(urlsplit(self.amqp_url)._replace(path=f"/{quote(name, safe='')}"))

    def drop_vhost(self, name: str) -> None:
        """Delete a virtual host with everything in it."""
        self.management.drop_vhost(name)

    def _found(self) -> Broker:
        if self._broker is None:
            message = "This RabbitMQ was not started."
            raise MachineError(message)
        return self._broker

    def _find(self) -> Broker:
        given = os.environ.get("AMQP_URL")
        if given:
            return Given(given, os.environ.get("AMQP_MANAGEMENT_URL"))
        scripts = find_scripts() or install_scripts()
        if scripts is not None:
            return Node(scripts, self.directory)
        if docker_answers():
            return Container()
        raise MachineError(MISSING)
