"""A RabbitMQ node of our own: everything on 127.0.0.1, its own epmd, home and files; as root or as anybody."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from souk.machines.errors import MachineError
from souk.machines.ports import free_port
from souk.machines.processes import Process
from souk.machines.rabbit_api import Management

USER = "souk"
START_SECONDS, STOP_SECONDS, CONTROL_SECONDS = 120, 30, 60
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {http}
default_user = {user}
default_pass = {password}
default_user_tags.administrator = true
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 33554432
collect_statistics_interval = 1000
log.file = false
log.console = true
log.console.level = warning
"""
# Spinning schedulers would take the processor from everybody else; -noinput because nobody types.
ERLANG = "-noinput -kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"


class Node:
    """One node whose files are in `directory`; the same ports and password at every start of this object."""

    def __init__(self, scripts: Path, directory: Path) -> None:
        self._scripts = scripts
        self._directory = directory
        self._ports = {name: free_port() for name in ("amqp", "http", "dist", "epmd")}
        self._password = self._read_password()
        self._environment = self._make_environment()
        self._epmd = self._new_epmd()
        self._server = Process(
            [scripts / "rabbitmq-server"], log=directory / "rabbitmq.log", env=self._environment, cwd=directory
        )

    @property
    def amqp_url(self) -> str:
        """The address of the default virtual host."""
        return f"amqp://{USER}:{self._password}@127.0.0.1:{self._ports['amqp']}/"

    @property
    def management(self) -> Management:
        """Its management API."""
        return Management(f"http://127.0.0.1:{self._ports['http']}", USER, self._password)

    @property
    def pid(self) -> int:
        """The process id of the Erlang machine."""
        return self._server.pid

    def start(self) -> None:
        """Start and wait until both doors are open. Raises MachineError."""
        self._write_configuration()
        if self._epmd is not None:
            self._epmd.start()
        self._server.start()
        self._server.wait_ready(START_SECONDS, check=lambda: self._listens() and self.management.is_up())

    def stop(self) -> None:
        """End it gently, its epmd too."""
        self._server.stop(STOP_SECONDS)
        if self._epmd is not None:
            self._epmd.stop()

    def kill(self) -> None:
        """SIGKILL for the Erlang machine: what it had not written is lost."""
        self._server.kill()

    def freeze(self) -> None:
        """Stop its clock: connections stay open and nothing is answered."""
        self._server.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self._server.thaw()

    def erase(self) -> None:
        """End it at once and delete its files."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` with these arguments prints. Raises MachineError when it fails."""
        done = subprocess.run(
            [self._scripts / "rabbitmqctl", "--quiet", *arguments],
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self._directory,
            timeout=CONTROL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            message = f"rabbitmqctl {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}"
            raise MachineError(message)
        return done.stdout

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._ports["amqp"]), timeout=2):
                return True
        except OSError:
            return False

    def _read_password(self) -> str:
        path = self._directory / "password"
        if not path.exists():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def _write_configuration(self) -> None:
        home = self._directory
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        conf = home / "rabbitmq.conf"
        conf.touch(mode=0o600)
        conf.write_text(
            CONFIGURATION.format(amqp=self._ports["amqp"], http=self._ports["http"], user=USER, password=self._password)
        )
        (home / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (home / "rabbitmq-env.conf").write_text("")

    def _make_environment(self) -> dict[str, str]:
        """Nothing of the system's own configuration is read, and no variable of the caller's but the PATH."""
        home = self._directory
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "souk@localhost",
            "RABBITMQ_DIST_PORT": str(self._ports["dist"]),
            "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
            "RABBITMQ_SCHEMA_DIR": str(home / "schema"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
            # The start script then becomes the Erlang machine instead of waiting for it: our child is the node.
            "RABBITMQ_ALLOW_INPUT": "yes",
        }

    def _new_epmd(self) -> Process | None:
        """Erlang's name server, as a child of ours: one that Erlang starts by itself would stay behind for ever."""
        candidates = [shutil.which("epmd"), *map(str, Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))]
        found = [path for path in candidates if path]
        if not found:
            return None
        command = [found[0], "-address", "127.0.0.1", "-port", str(self._ports["epmd"])]
        return Process(command, log=self._directory / "epmd.log", death=signal.SIGKILL)
