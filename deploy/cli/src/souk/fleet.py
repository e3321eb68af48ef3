"""The system as separate processes over a private RabbitMQ: started, killed, restarted one by one."""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from common.broker import apply_topology
from souk.databases import prepare
from souk.environment import Addresses, environment, redeliveries, sandbox_keys, webhook_secrets, webhook_targets
from souk.gateway.envoy import Site, Upstream, render
from souk.gateway.table import RouteTable
from souk.home import SERVICES, Home
from souk.machines.envoy import EnvoyServer
from souk.machines.errors import MachineError
from souk.machines.ports import free_port
from souk.machines.postgres import PostgresServer
from souk.machines.processes import Process, answers, wait_until
from souk.machines.rabbitmq import RabbitServer
from souk.topology import hearers

_READY_WITHIN = 60
_WELCOMED_WITHIN = 20
_STOPS_WITHIN = 45
_DRAIN = "2s"  # four times as long as Envoy takes to notice
_HEALTH_EVERY = 0.5


@dataclass(slots=True)
class Unit:
    """One process of the fleet: a service in a role, on ports of its own."""

    name: str
    service: str
    role: str = "all"
    port: int = field(default_factory=free_port)
    internal_port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def ready_url(self) -> str:
        """Where it says whether it is ready."""
        return f"http://127.0.0.1:{self.internal_port}/{self.service}/health/ready"


class Fleet:
    """Every service as a process. `given` is the user's environment; `units` default to one per service.

    With `envoy` the gateway of a deployment stands before them instead of the development proxy.
    """

    def __init__(
        self, home: Home, given: Mapping[str, str], *, port: int, units: Iterable[Unit] = (), durable: bool = True
    ) -> None:
        self.home, self._given, self.envoy = home, dict(given), False
        self.units = {unit.name: unit for unit in units or (Unit(name, name) for name in SERVICES)}
        self.postgres = PostgresServer(home.postgres, durable=durable)
        self.rabbitmq = RabbitServer(home.rabbitmq)
        self.sandbox_port, self.smtp_port, self.port = free_port(), free_port(), port
        self._sandbox: Process | None = None
        self._gateway: Process | None = None
        self._envoy: EnvoyServer | None = None

    @property
    def where(self) -> Addresses:
        """Where the parts are."""
        return Addresses(self.port, self.postgres.url, self.sandbox_port, self.smtp_port, self.rabbitmq.amqp_url)

    def start(self) -> None:
        """Start the machines, lay out databases and topology, start every process, and wait until all are ready."""
        self.postgres.start()
        self.rabbitmq.start()
        prepare(self.postgres)
        apply_topology_now(self.where.amqp_url)
        self.start_sandbox()
        for name in self.units:
            self.start_unit(name)
        self.start_gateway()
        self.wait_ready()

    def start_sandbox(self) -> None:
        """Start the sandbox, or start it again: it remembers."""
        told = {
            "--webhook": webhook_targets(self.port),
            "--secret": webhook_secrets(self._given, self.home),
            "--key": sandbox_keys(self._given, self.home),
        }
        command = [
            *(sys.executable, "-m", "sandbox", "--port", str(self.sandbox_port), "--state", str(self.home.sandbox)),
            *("--smtp-port", str(self.smtp_port), "--public-url", self.where.sandbox),
            *(f"{option}={name}={value}" for option, values in told.items() for name, value in values.items()),
            *("--retry-delays", ",".join(map(str, redeliveries(self._given)))),
        ]
        ready = f"{self.where.sandbox}/truth"
        self._sandbox = Process(command, self.home.logs / "sandbox.log", ready=ready, name="sandbox")
        self._sandbox.start()
        self._sandbox.wait_ready(20)

    def kill_sandbox(self) -> None:
        """End the sandbox at once."""
        if self._sandbox:
            self._sandbox.kill()

    def start_unit(self, name: str, extra: Mapping[str, str] | None = None) -> None:
        """Start a process, with more variables than the others have where a test wants them (`FAULTS`)."""
        unit = self.units[name]
        drain = {"DRAIN_DELAY": _DRAIN} if self.envoy else {}
        given = {**drain, **self._given, "SOUK_ROLE": unit.role, **(extra or {})}
        env = environment(unit.service, given, self.home, self.where) | {
            "PORT": str(unit.port),
            "INTERNAL_PORT": str(unit.internal_port),
            "LOG_LEVEL": given.get("LOG_LEVEL", "INFO"),
        }
        command = [sys.executable, "-m", f"{unit.service}.main"]
        unit.process = Process(command, self.home.logs / f"{name}.log", env=env, ready=unit.ready_url, name=name)
        unit.process.start()

    def start_gateway(self) -> None:
        """Start the gateway in front of the services' api processes, or anew where these have changed."""
        if self._gateway:
            self._gateway.stop(5)
        log, behind = self.home.logs / "gateway.log", self._behind_gateway()
        if self.envoy:
            self._envoy = EnvoyServer(self.home.path / "envoy", log, lambda admin: self._configuration(behind, admin))
            self._envoy.start()
            self._gateway = self._envoy.process
            return
        fronts = {name: [f"http://{one.host}:{one.port}" for one in several] for name, several in behind.items()}
        command = [sys.executable, "-m", "souk.proxy", str(self.port), json.dumps(fronts)]
        self._gateway = Process(command, log, name="gateway")
        self._gateway.start()

    def _behind_gateway(self) -> dict[str, list[Upstream]]:
        behind = {"sandbox": [Upstream("127.0.0.1", self.sandbox_port)]}
        for unit in self.units.values():
            if unit.role != "worker":
                behind.setdefault(unit.service, []).append(Upstream("127.0.0.1", unit.port, unit.internal_port))
        return behind

    def _configuration(self, behind: Mapping[str, list[Upstream]], admin_port: int) -> str:
        site = Site(
            port=self.port,
            upstreams=behind,
            admin_port=admin_port,
            mounts={"/sandbox": "sandbox"},
            limited=False,
            health_every=_HEALTH_EVERY,
        )
        return render(RouteTable.read(), site)

    def roll(self, service: str) -> None:
        """Replace a service's processes one at a time. Raises MachineError for one that ends or comes back badly."""
        for unit in [unit for unit in self.units.values() if unit.service == service]:
            if code := self.process(unit.name).stop(_STOPS_WITHIN):
                raise MachineError(f"{unit.name} ended with {code} when it was told to stop")
            self.start_unit(unit.name)
            self.process(unit.name).wait_ready(_READY_WITHIN)
            self._wait_welcomed(unit)

    def _wait_welcomed(self, unit: Unit) -> None:
        """Wait until the gateway sends requests there; the development proxy always does."""
        server = self._envoy
        if server and unit.role != "worker" and not wait_until(lambda: server.sends_to(unit.port), _WELCOMED_WITHIN):
            raise MachineError(f"the gateway sends nothing to {unit.name}, which is ready")

    def process(self, name: str) -> Process:
        """Return a unit's process; raises KeyError when there is none."""
        process = self.units[name].process
        if process is None:
            raise KeyError(name)
        return process

    def unready(self) -> list[str]:
        """Return the units that are not ready."""
        return [unit.name for unit in self.units.values() if not answers(unit.ready_url)]

    def wait_ready(self, seconds: float = _READY_WITHIN) -> None:
        """Wait until every process is ready; raises MachineError with the last words of the first that is not."""
        front = f"{self.where.public}/api/v1/products"
        up = wait_until(lambda: bool(self._dead()) or (not self.unready() and answers(front)), seconds)
        if up and not self._dead():
            return
        for name in self._dead() or self.unready() or ["gateway"]:
            last = self.process(name).last_lines()[-600:] if name in self.units else ""
            raise MachineError(f"{name} was not ready within {seconds:g} s. Its last words: {last}")

    def _dead(self) -> list[str]:
        return [unit.name for unit in self.units.values() if unit.process and not unit.process.running]

    def stop(self) -> None:
        """Stop everything gently, the machines last."""
        with ThreadPoolExecutor() as at_once:
            list(at_once.map(lambda process: process.stop(20), self._processes()))
        self.rabbitmq.stop()
        self.postgres.stop()

    def _processes(self) -> Iterator[Process]:
        yield from filter(None, (self._gateway, *(unit.process for unit in self.units.values()), self._sandbox))


@contextmanager
def many_processes(home: Home, given: Mapping[str, str], port: int) -> Iterator[Fleet]:
    """Run the fleet while the block runs."""
    fleet = Fleet(home, given, port=port)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()


def apply_topology_now(amqp_url: str) -> list[str]:
    """Declare the topology from where no loop runs; return one line per queue."""
    return asyncio.run(apply_topology(amqp_url, hearers()))
