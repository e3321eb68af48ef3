"""Running a piece of Python as another user or in a process that will be killed, and a history for the doctor."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from common.migrations import migrate
from souk.machines.identity import CAP_DAC_READ_SEARCH
from souk.machines.processes import MYSELF, Identity, wrapped
from souk.services import BUILDERS, MIGRATIONS

from .doctor_history import DROP_EMPTY_MONTHS, History, live, living, run

SOURCE = Path(__file__).parents[1] / "src"
PROBE = "import sys, asyncpg, souk.machines.postgres; sys.exit(sys.version_info < (3, 11))"

# The system has stopped, whoever was at it then: nobody looks at the open payment and the announced file any more.
ASLEEP = {
    "payments": """UPDATE payments SET due_at = now() + interval '1 day', lease = NULL, leased_until = NULL
        WHERE due_at IS NOT NULL""",
    "catalog": """UPDATE assets SET due_at = now() + interval '1 day', lease = NULL, leased_until = NULL
        WHERE due_at IS NOT NULL""",
}


@pytest.fixture
def python_env() -> dict[str, str]:
    """The environment in which any Python finds the code."""
    folders = [str(SOURCE), *(path for path in sys.path if path.endswith("site-packages"))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def run_python(python_env: dict[str, str]) -> Callable[..., str]:
    """Runs a script with words as its arguments and returns what it prints."""

    def run(script: str, *words: object, python: str = sys.executable, identity: Identity = MYSELF) -> str:
        command = wrapped([python, "-c", script, *map(str, words)], identity)
        done = subprocess.run(
            command, capture_output=True, text=True, env=python_env, cwd="/", timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def as_ordinary_user(run_python: Callable[..., str], python_env: dict[str, str]) -> Iterator[Callable[[str], str]]:
    """Runs a script as `nobody`; its first word is a home that only this user may enter. Skipped unless root."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    nobody = pwd.getpwnam("nobody")
    home = Path(tempfile.mkdtemp())  # not in tmp_path, which only root may enter
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    python, identity = interpreter(Identity(nobody.pw_uid, nobody.pw_gid), python_env)
    yield lambda script: run_python(script, home, python=python, identity=identity)
    shutil.rmtree(home)


def interpreter(user: Identity, env: dict[str, str]) -> tuple[str, Identity]:
    """A Python that this user can start and that finds the code; below a closed home only a capability opens it."""
    for python in (sys.executable, "/usr/bin/python3"):
        tried = wrapped([python, "-c", PROBE], user)
        if subprocess.run(tried, capture_output=True, env=env, cwd="/", check=False).returncode == 0:
            return python, user
    return sys.executable, Identity(user.uid, user.gid, CAP_DAC_READ_SEARCH)


@pytest_asyncio.fixture(scope="session")
async def history(databases: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[History]:
    """The books of a system that has stopped, which no test may change."""
    urls = {name: await databases.create(name) for name in BUILDERS}
    for name, url in urls.items():
        await migrate(url, MIGRATIONS[name])
    async with living(urls, tmp_path_factory.mktemp("doctor")) as street:
        ids = await live(street)
        told = (await street.http.get(f"{street.sandbox}/truth")).json()
        mails = (await street.http.get(f"{street.sandbox}/mail/messages")).json()
    for service, statement in ASLEEP.items():
        await run(urls[service], statement)
    for url in urls.values():
        await run(url, DROP_EMPTY_MONTHS)
    yield History(urls, told, mails, ids)
