"""Child processes that are waited for, stopped gently, and never outlive the process that started them."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from souk.machines import launch
from souk.machines.errors import MachineError

# Linux kills such children when the *thread* that started them ends, so one thread that lives as long as this process
# starts them all, whichever short-lived thread asks.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="souk-starter")

POLL = 0.05
LAST_LINES = 15


@dataclass(frozen=True)
class Identity:
    """The user a program runs as (-1: this one), and the capability it keeps (-1: none)."""

    uid: int = launch.UNCHANGED
    gid: int = launch.UNCHANGED
    capability: int = launch.UNCHANGED

    @property
    def is_another(self) -> bool:
        """Whether starting this means to change the user."""
        return self.uid != launch.UNCHANGED

    def own(self, path: Path) -> None:
        """Give this user a file or folder."""
        if self.is_another:
            os.chown(path, self.uid, self.gid)


MYSELF = Identity()


def wrapped(command: Sequence[str | Path], identity: Identity = MYSELF, death: int = launch.UNCHANGED) -> list[str]:
    """The command line that runs `command` as `identity` and sends it signal `death` when this process ends."""
    words = (os.getpid(), death, identity.uid, identity.gid, identity.capability)
    return [sys.executable, "-I", "-S", launch.__file__, *map(str, words), *map(str, command)]


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    """Look a few times a second whether it happened; False when the time is over."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(POLL)
    return True


def answers(url: str) -> bool:
    """Whether a GET of this http address is answered with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status < 400)  # noqa: PLR2004 - the HTTP status classes
    except (urllib.error.URLError, OSError):
        return False


@dataclass
class Process:
    """One program with its environment and log file. It may be started again after it ended.

    `ready` is the http address that answers once it is up. `env` replaces the whole environment when given. `death` is
    what it is sent when this process dies. It has its own session: Ctrl-C in a terminal reaches only the starter.
    """

    command: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    ready: str | None = None
    name: str = ""
    identity: Identity = MYSELF
    death: signal.Signals = signal.SIGKILL
    _child: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.name = self.name or Path(self.command[0]).name

    @property
    def pid(self) -> int:
        """The process id of the program itself. Raises MachineError when it was never started."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """How it ended: its exit code, minus the signal that killed it, or None while it runs."""
        return self._started().poll()

    def start(self) -> None:
        """Start it without waiting for readiness. Does nothing while it runs."""
        if not self.running:
            self._child = _starter.submit(self._popen).result()

    def wait_ready(self, seconds: float = 30, *, check: Callable[[], bool] | None = None) -> None:
        """Wait for `check`, or for the address `ready` to answer. Raises MachineError when it ends or is too slow."""
        happened = check or self._answers
        if not wait_until(lambda: not self.running or happened(), seconds):
            message = f"{self.name} was not ready within {seconds:g} s. Its last lines:\n{self.last_lines()}"
            raise MachineError(message)
        if not self.running:
            message = f"{self.name} ended with {self.returncode} while starting. Its last lines:\n{self.last_lines()}"
            raise MachineError(message)

    def stop(self, seconds: float = 10, *, with_signal: signal.Signals = signal.SIGTERM) -> int | None:
        """Ask it to end, kill it when the time is over, and return the exit code (None: it was never started)."""
        if self._child is None:
            return None
        self.send(with_signal)
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int | None:
        """End it at once with SIGKILL, without a chance to clean up."""
        if self._child is None:
            return None
        self.send(signal.SIGKILL)
        return self._child.wait()

    def restart(self, seconds: float = 10) -> None:
        """Stop it gently and start it again."""
        self.stop(seconds)
        self.start()

    def freeze(self) -> None:
        """Stop the clock for it: it keeps its sockets and answers nothing."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self.send(signal.SIGCONT)

    def send(self, what: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        self._started().send_signal(what)

    def last_lines(self) -> str:
        """The end of its log, for messages."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-LAST_LINES:])

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._child is None:
            message = f"{self.name} was not started."
            raise MachineError(message)
        return self._child

    def _answers(self) -> bool:
        return self.ready is None or answers(self.ready)

    def _popen(self) -> "subprocess.Popen[bytes]":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                wrapped(self.command, self.identity, self.death),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.env is None else dict(self.env),
                cwd=self.cwd,
                start_new_session=True,
            )
