"""Starting, waiting for and ending programs; picking ports."""

import signal
import sys
import threading

import pytest

from souk.machines.errors import MachineError
from souk.machines.ports import free_port, is_free
from souk.machines.processes import Process, wait_until

SERVE = """
import sys
from http.server import SimpleHTTPRequestHandler, test
test(SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.fixture
def start(tmp_path):
    """Starts Python scripts as processes."""
    started = []

    def start(script, *words, **options):
        process = Process([sys.executable, "-c", script, *map(str, words)], log=tmp_path / "log", **options)
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.kill()


def test_it_waits_for_readiness_and_restarts(start, tmp_path):
    port = free_port()
    process = start(SERVE, port, ready=f"http://127.0.0.1:{port}/", cwd=tmp_path)
    process.wait_ready()
    first = process.pid
    process.restart()
    process.wait_ready()
    assert process.pid != first
    assert process.stop() == -signal.SIGTERM
    assert is_free(port)


def test_one_that_ends_early_is_reported_with_its_last_words(start):
    process = start("import sys; sys.exit('no configuration')", ready="http://127.0.0.1:1/", name="orders")
    with pytest.raises(MachineError, match=r"(?s)orders ended with 1 .*no configuration"):
        process.wait_ready()


def test_one_that_is_too_slow_is_reported(start):
    process = start("import time; time.sleep(60)", ready="http://127.0.0.1:1/")
    with pytest.raises(MachineError, match="not ready within"):
        process.wait_ready(0.2)


def test_one_that_does_not_listen_is_killed_when_its_time_is_over(start):
    process = start(DEAF)
    process.wait_ready(check=lambda: "deaf" in process.last_lines())
    assert process.stop(0.2) == -signal.SIGKILL


def test_a_frozen_one_can_be_killed(start):
    process = start("import time; time.sleep(60)")
    process.freeze()
    assert process.running
    assert process.kill() == -signal.SIGKILL


def test_it_outlives_the_thread_that_asked_for_it(start):
    started = []
    thread = threading.Thread(target=lambda: started.append(start("import time; time.sleep(60)")))
    thread.start()
    thread.join()
    assert not wait_until(lambda: not started[0].running, 0.5)


def test_the_environment_is_the_given_one(start):
    process = start("import os; print('HERE', os.environ.get('HOME'), os.environ['ONLY'])", env={"ONLY": "this"})
    wait_until(lambda: not process.running, 5)
    assert process.last_lines() == "HERE None this"


def test_no_port_is_given_twice_even_to_another_process(run_python):
    mine = {free_port() for _ in range(60)}
    script = "from souk.machines.ports import free_port; print(*(free_port() for _ in range(60)))"
    others = {int(port) for port in run_python(script).split()}
    assert len(mine) == len(others) == 60
    assert not mine & others
