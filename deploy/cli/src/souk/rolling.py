"""Replacing the containers of a service under load: each new `api` is well before an old one is told to stop."""

import subprocess
import time
from collections.abc import Iterator
from typing import Final

from souk.home import ROOT, SERVICES
from souk.machines.errors import MachineError

# Envoy reads the service's addresses every 2 s and asks newcomers every second how they are (deploy/gateway).
_NOTICED: Final = 5.0
_PATIENCE: Final = 180  # seconds until a new container must be well


def roll(service: str, noticed: float = _NOTICED) -> Iterator[str]:
    """Replace a service's containers by ones with the new image, settings and secrets; yield a line per step.

    Databases, broker users and tables are brought up to date first. `noticed` is how many seconds the gateway takes to
    find a new address. Raises MachineError; old containers that have no successor then go on.
    """
    if service not in SERVICES:
        raise MachineError(f"There is no service {service!r}: it is one of {', '.join(SERVICES)}.")
    api, worker = f"{service}-api", f"{service}-worker"
    old, workers = _running(api), _running(worker)
    if not old:
        raise MachineError(f"No container of {api} runs: `make up` starts it.")
    _compose("build", "databases", api)
    for once in ("databases", "topology", "broker-users", f"migrate-{service}"):
        _compose("run", "--rm", "--no-deps", "-T", once)
        yield f"{once}: done"
    _compose("rm", "--force", api)  # one that is stopped would be started as it is, in place of a new one
    for place, container in enumerate(old, 1):
        _add_one(api, old[place - 1 :])
        time.sleep(noticed)
        _docker("stop", container)
        _docker("rm", container)
        yield f"{api}: {place} of {len(old)} replaced"
    # Nobody waits for an answer of theirs: what they leave is in queues and rows, for the next.
    _up(worker, max(len(workers), 1))
    yield f"{worker}: replaced"


def _add_one(api: str, old: list[str]) -> None:
    """Start a container beside those that run, and wait until it is well; take it away again where it never is."""
    before = set(_running(api))
    try:
        _up(api, len(before) + 1, "--no-recreate")
    except MachineError as error:
        for container in set(_running(api)) - before:
            _docker("rm", "--force", container)
        raise MachineError(
            f"{error}\nThe new {api} is not well and was taken away; {len(old)} old ones go on."
        ) from error


def _up(name: str, count: int, *options: str) -> None:
    wait = ("--detach", "--wait", "--wait-timeout", str(_PATIENCE))
    _compose("up", *wait, "--no-deps", *options, "--scale", f"{name}={count}", name)


def _running(name: str) -> list[str]:
    """Return the ids of a service's containers that run, whether they are well or not."""
    return _compose("ps", "--quiet", name).split()


def _compose(*words: str) -> str:
    return _docker("compose", *words)


def _docker(*words: str) -> str:
    try:
        command = ["docker", *words]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
    except FileNotFoundError as error:
        raise MachineError("Docker is not installed here.") from error
    except subprocess.CalledProcessError as error:
        raise MachineError(f"docker {' '.join(words)} failed: {error.stderr.strip()}") from error
