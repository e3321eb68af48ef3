"""RabbitMQ in a container, where Docker answers and nothing is installed."""

import secrets
import shutil
import subprocess
import sys

from souk.machines.errors import MachineError
from souk.machines.ports import free_port
from souk.machines.processes import wait_until
from souk.machines.rabbit_api import Management

IMAGE = "rabbitmq:4-management"
USER = "souk"
PULL_SECONDS, CALL_SECONDS, START_SECONDS = 300, 60, 120


def docker_answers() -> bool:
    """Whether there is a Docker command and its daemon answers within seconds."""
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=5, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Container:
    """One container; it keeps its queues over `kill` and `start`, and `erase` removes it."""

    def __init__(self) -> None:
        self._name = f"souk-rabbitmq-{secrets.token_hex(4)}"
        self._password = secrets.token_urlsafe(24)
        self._amqp, self._http = free_port(), free_port()
        self._made = False

    @property
    def amqp_url(self) -> str:
        """The address of the default virtual host."""
        return f"amqp://{USER}:{self._password}@127.0.0.1:{self._amqp}/"

    @property
    def management(self) -> Management:
        """Its management API."""
        return Management(f"http://127.0.0.1:{self._http}", USER, self._password)

    @property
    def pid(self) -> int:
        """The process id of its first process, as this host counts."""
        return int(_docker("inspect", "--format", "{{.State.Pid}}", self._name))

    def start(self) -> None:
        """Start and wait until it answers; the image is fetched the first time. Raises MachineError."""
        if not self._made:
            self._create()
        _docker("start", self._name)
        if not wait_until(lambda: self.management.is_up() and self._is_booted(), START_SECONDS):
            message = f"RabbitMQ in Docker was not ready within {START_SECONDS} s."
            raise MachineError(message)

    def stop(self) -> None:
        """End it gently."""
        if self._made:
            _docker("stop", self._name)

    def kill(self) -> None:
        """SIGKILL."""
        if self._made:
            _docker("kill", self._name)

    def freeze(self) -> None:
        """Stop its clock."""
        _docker("pause", self._name)

    def thaw(self) -> None:
        """Let it go on."""
        _docker("unpause", self._name)

    def erase(self) -> None:
        """Remove it with its data."""
        if self._made:
            _docker("rm", "--force", "--volumes", self._name)
            self._made = False

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` with these arguments prints. Raises MachineError when it fails."""
        return _docker("exec", self._name, "rabbitmqctl", "--quiet", *arguments)

    def _create(self) -> None:
        sys.stderr.write(f"Starting {IMAGE} in Docker …\n")
        ports = ["-p", f"127.0.0.1:{self._amqp}:5672", "-p", f"127.0.0.1:{self._http}:15672"]
        user = ["-e", f"RABBITMQ_DEFAULT_USER={USER}", "-e", f"RABBITMQ_DEFAULT_PASS={self._password}"]
        _docker("create", "--name", self._name, *ports, *user, IMAGE, seconds=PULL_SECONDS)
        self._made = True

    def _is_booted(self) -> bool:
        try:
            self.ctl("await_startup", "--timeout", "5")
        except MachineError:
            return False
        return True


def _docker(*arguments: str, seconds: float = CALL_SECONDS) -> str:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        message = f"docker {arguments[0]} did not end within {seconds:g} s."
        raise MachineError(message) from None
    if done.returncode != 0:
        message = f"docker {arguments[0]} failed: {done.stderr.strip()}"
        raise MachineError(message)
    return done.stdout
