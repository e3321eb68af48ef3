"""Finding RabbitMQ's scripts, and installing Debian's package when root asks for it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIANS = Path("/usr/lib/rabbitmq/bin")
POLICY = Path("/usr/sbin/policy-rc.d")
QUICKLY = [f"-oAcquire::{what}" for what in ("Retries=0", "http::Timeout=5", "https::Timeout=5")]


def find_scripts() -> Path | None:
    """The folder of rabbitmq-server and rabbitmqctl, if they are installed.

    Debian's are looked for first: its command on the PATH insists on being root or the user `rabbitmq`.
    """
    on_path = shutil.which("rabbitmq-server")
    folders = [DEBIANS, *([Path(on_path).resolve().parent] if on_path else [])]
    usable = [folder for folder in folders if (folder / "rabbitmqctl").exists()]
    return usable[0] if usable and shutil.which("erl") else None


def install_scripts() -> Path | None:
    """Install Debian's package without starting its service; None when that is not possible here."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    if not _has_candidate():
        _run(["apt-get", "update", "-q", *QUICKLY], seconds=60)
    if not _has_candidate():
        return None
    sys.stderr.write("Installing Debian's rabbitmq-server for the tests …\n")
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *QUICKLY, "rabbitmq-server"]
    with _no_service_starts():
        _run(command, seconds=300)
    return find_scripts()


def _has_candidate() -> bool:
    said = _run(["apt-cache", "policy", "rabbitmq-server"], seconds=20)
    return "Candidate:" in said and "Candidate: (none)" not in said


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian starts a broker for the whole network after the installation, unless this script says no."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _run(command: list[str], seconds: float) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout
