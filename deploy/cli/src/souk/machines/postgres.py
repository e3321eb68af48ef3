"""A private PostgreSQL server in one folder: `make run`, the tests and the fault tests each have their own."""

import secrets
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Literal

from souk.machines.binaries import Programs, find_programs
from souk.machines.errors import MachineError
from souk.machines.identity import Place, find_place, forget_elsewhere
from souk.machines.ports import free_port, is_free
from souk.machines.processes import POLL, Process, wait_until, wrapped

SUPERUSER = "postgres"
FIRST_WITH_ASYNC_IO = 18
FIRST_WITH_OWN_LOCALES = 17
START_SECONDS, STOP_SECONDS = 60, 20
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP only: a socket's path may be 107 bytes long, a checkout's is what it is
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",  # no shared-memory files: containers give /dev/shm little room
    "autovacuum_max_workers": "2",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "jit": "off",
    "huge_pages": "off",
}
# What was committed still survives the server, though not the machine.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer:
    """A server on 127.0.0.1 whose data, password, port and log live in `directory` and survive a restart.

    The folder is made with mode 0700 when it is missing. `durable=False` is for tests that never pull the plug. A given
    `port` is insisted on; without one the last port is taken again if it is still free.
    """

    def __init__(self, directory: Path, *, port: int | None = None, durable: bool = True) -> None:
        self.directory = directory.absolute()
        self._wanted_port = port
        self._durable = durable
        self._place: Place | None = None
        self._process: Process | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The TCP port. Raises MachineError before the first start."""
        self._needs_start()
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._needs_start().pid

    @property
    def running(self) -> bool:
        """Whether the server was started and has not ended."""
        return self._process is not None and self._process.running

    @property
    def password(self) -> str:
        """The superuser's password."""
        return (self.directory / "password").read_text().strip()

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.directory / "postgres.log"

    def url(
        self,
        database: str = "postgres",
        *,
        user: str = SUPERUSER,
        password: str | None = None,
        driver: str = "postgresql+asyncpg",
    ) -> str:
        """The address of a database. The superuser's password is used when none is given."""
        return f"{driver}://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> "PostgresServer":
        """Create the data if they are missing, start, and wait until connections are answered. Raises MachineError."""
        if not self.running:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._place = self._find_place()
            if not self._has_data():
                self._create_data(self._place)
            self._wait_for_the_last_one()
            self._start_on_a_port()
        return self

    def stop(self) -> None:
        """Shut down cleanly; clients are disconnected."""
        if self._process is not None:
            self._process.stop(STOP_SECONDS, with_signal=signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL: what a crash of the machine looks like to everybody who is connected."""
        if self._process is not None:
            self._process.kill()

    def restart(self, mode: Literal["immediate", "fast"] = "immediate") -> None:
        """Stop and start on the same port; `immediate` means recovery from the log, as after a crash."""
        self._needs_start().stop(STOP_SECONDS, with_signal=signal.SIGQUIT if mode == "immediate" else signal.SIGINT)
        self.start()

    def erase(self) -> None:
        """Stop and delete everything."""
        self.kill()
        forget_elsewhere(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _needs_start(self) -> Process:
        if self._process is None:
            message = "This PostgreSQL server was not started."
            raise MachineError(message)
        return self._process

    def _find_place(self) -> Place:
        place = find_place(self.directory, find_programs())
        version = place.folder / "data" / "PG_VERSION"
        if version.exists() and int(version.read_text()) != place.programs.major:
            return find_place(self.directory, find_programs(int(version.read_text())))
        return place

    @property
    def _data(self) -> Path:
        if self._place is None:
            raise MachineError("This PostgreSQL server was not started.")
        return self._place.folder / "data"

    def _has_data(self) -> bool:
        """Whether data and password are complete: initdb writes into a folder that is renamed at the end."""
        return (self._data / "PG_VERSION").exists() and (self.directory / "password").exists()

    def _create_data(self, place: Place) -> None:
        new = place.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        if self._data.exists():
            message = f"{self._data} holds data without their password file. Delete the folder (make reset)."
            raise MachineError(message)
        new.mkdir(mode=0o700)
        place.identity.own(new)
        self._write_password()
        # The server's user reads the password from a copy of its own, in a folder of its own.
        secret = place.folder / "password.initdb"
        shutil.copy(self.directory / "password", secret)
        place.identity.own(secret)
        try:
            self._initdb(place, new, secret)
        finally:
            secret.unlink()
        new.rename(self._data)

    def _write_password(self) -> None:
        path = self.directory / "password"
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))

    def _initdb(self, place: Place, data: Path, secret: Path) -> None:
        command = [str(place.programs.bin / "initdb"), "-D", str(data), "-U", SUPERUSER, "--auth=scram-sha-256"]
        command += [f"--pwfile={secret}", "--encoding=UTF8", *_locale(place.programs), "--no-sync", "--no-instructions"]
        made = subprocess.run(wrapped(command, place.identity), capture_output=True, cwd=data, check=False)
        if made.returncode != 0:
            message = f"initdb failed:\n{made.stderr.decode(errors='replace')}"
            raise MachineError(message)

    def _wait_for_the_last_one(self) -> None:
        """Let a server whose starter died finish, and remove the note of one that was killed.

        PostgreSQL would take any process of this user with the noted number for the server.
        """
        note = self._data / "postmaster.pid"
        if not note.exists():
            return
        pid = int(note.read_text().split()[0])
        if not wait_until(lambda: not _is_postgres(pid, self._data), STOP_SECONDS / 2):
            message = f"A PostgreSQL server (process {pid}) is running on {self._data} already."
            raise MachineError(message)
        note.unlink(missing_ok=True)

    def _start_on_a_port(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            self._port = self._choose_port()
            begin = self.log.stat().st_size if self.log.exists() else 0
            self._process = self._new_process()
            self._process.start()
            try:
                self._process.wait_ready(START_SECONDS, check=lambda: _answers(self._port))
            except MachineError:
                if not self._worth_another_try(begin) or time.monotonic() > end:
                    self._process.kill()
                    raise
                time.sleep(POLL)
            else:
                (self.directory / "port").write_text(str(self._port))
                return

    def _worth_another_try(self, begin: int) -> bool:
        """Whether somebody was quicker to take the port, or the children of a killed server are still ending."""
        with self.log.open("rb") as log:
            log.seek(begin)
            said = log.read().decode(errors="replace")
        return "could not bind" in said or "still in use" in said

    def _choose_port(self) -> int:
        if self._wanted_port is not None:
            if not is_free(self._wanted_port):
                message = f"Port {self._wanted_port}, wanted for PostgreSQL, is taken by another program."
                raise MachineError(message)
            return self._wanted_port
        remembered = self.directory / "port"
        if remembered.exists() and is_free(int(remembered.read_text())):
            return int(remembered.read_text())
        return free_port()

    def _new_process(self) -> Process:
        place = self._place or self._find_place()
        settings = SETTINGS | ({} if self._durable else NOT_DURABLE) | {"port": str(self._port)}
        if place.programs.major >= FIRST_WITH_ASYNC_IO:
            settings["io_method"] = "sync"  # spares three processes
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Process(
            [place.programs.bin / "postgres", "-D", self._data, *options],
            log=self.log,
            cwd=self._data,
            identity=place.identity,
            death=signal.SIGINT,
        )


def _locale(programs: Programs) -> list[str]:
    """C.UTF-8, from PostgreSQL itself where it can: not every system's C library has it."""
    if programs.major >= FIRST_WITH_OWN_LOCALES:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]


def _is_postgres(pid: int, data: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"postgres" in command and bytes(data) in command


def _answers(port: int) -> bool:
    """Whether the server asks for a password; while it starts or recovers it answers with an error instead."""
    body = struct.pack("!i", 196608) + f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack("!i", len(body) + 4) + body)
            return connection.recv(1) == b"R"
    except OSError:
        return False
