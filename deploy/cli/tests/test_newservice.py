"""A new service is laid out so that everything that is checked finds it well, or not at all."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from souk.home import ROOT, SERVICES
from souk.machines.errors import MachineError
from souk.newservice.naming import check_name
from souk.newservice.registering import PLACES, with_sorted_imports
from souk.services import BUILDERS

LEFT_OUT = (".git", ".venv", ".souk", ".hypothesis", "*_cache", "__pycache__", "node_modules", "clients", "secrets*")
SOUK = "from souk.main import main; main()"
# The second is as long as a name may be, sorts before `common` among imports, and finds the first there already.
NAMES = ("loyalty", "backorderbooks")


class Copy:
    """A copy of the repository, and its tools at work in it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
        self.environ = {**os.environ, "TEST_DATABASE_URL": database_url}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        paths = [str(path) for kind in ("libs", "services", "deploy") for path in self.folder.glob(f"{kind}/*/src")]
        environ = self.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )

    def new(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.run("-c", SOUK, "new", "service", name)

    def texts(self) -> dict[Path, bytes]:
        """Every file and what is in it."""
        return {
            path: path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Copy]:
    folder = tmp_path_factory.mktemp("new") / "souk"
    yield Copy(folder, postgres_url)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_what_cannot_be_laid_out_whole_leaves_no_trace(copy: Copy) -> None:
    prometheus = copy.folder / "deploy" / "observability" / "prometheus.yml"
    whole = prometheus.read_text()
    prometheus.write_text(whole.replace("notifier", "anybody"))
    before = copy.texts()
    done = copy.new("loyalty")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("deploy/observability/prometheus.yml names notifier nowhere as expected")
    assert copy.texts() == before
    prometheus.write_text(whole)


@pytest.mark.slow
def test_what_goes_wrong_on_the_way_is_undone(copy: Copy) -> None:
    document = copy.folder / "docs" / "openapi.json"
    document.rename(document.with_suffix(".away"))
    document.mkdir()
    before = copy.texts()
    done = copy.new("loyalty")
    assert done.returncode == 1
    assert done.stderr.startswith("Nothing was laid out: IsADirectoryError")
    assert copy.texts() == before
    assert not (copy.folder / "services" / "loyalty").exists()
    document.rmdir()
    document.with_suffix(".away").rename(document)


@pytest.mark.slow
def test_new_services_pass_every_check_and_their_own_tests(copy: Copy) -> None:
    for name in NAMES:
        done = copy.new(name)
        assert done.returncode == 0, done.stderr
        assert f"services/{name}/" in done.stdout.splitlines()
    again = copy.new("loyalty")
    assert (again.returncode, again.stderr) == (1, "There is a service loyalty already.\n")
    linter = ("-c", "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()")
    for command in (
        ("-m", "ruff", "check", "--no-cache"),
        ("-m", "ruff", "format", "--check", "--no-cache"),
        ("-m", "mypy"),
        (*linter, "--no-logo"),
        ("-c", SOUK, "contracts", "check"),
        ("-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"services/{name}" for name in NAMES)),
        ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_house.py", "tests/test_settings.py"),
    ):
        done = copy.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Loyalty", "one word of 2 to 14 small letters"),
        ("points-shop", "one word of 2 to 14 small letters"),
        ("points_shop", "one word of 2 to 14 small letters"),
        ("../x", "one word of 2 to 14 small letters"),
        ("2nd", "one word of 2 to 14 small letters"),
        ("x", "one word of 2 to 14 small letters"),
        ("a" * 15, "one word of 2 to 14 small letters"),
        ("", "one word of 2 to 14 small letters"),
        ("loyalty\n", "one word of 2 to 14 small letters"),
        ("orders", "^There is a service orders already.$"),
        ("products", "^products cannot be a service: /api/v1/products is a path of catalog.$"),
        ("operator", "the name is taken"),  # a role that reads every database
        ("common", "the name is taken"),
        ("json", "the name is taken"),
        ("pytest", "the name is taken"),
        ("class", "the name is taken"),
    ],
)
def test_a_name_that_is_taken_or_none_is_refused_with_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(MachineError, match=sentence):
        check_name(name)


def test_imports_are_sorted_within_their_blocks_alone() -> None:
    standard, rest = "import os\nfrom pathlib import Path\n\n", "\nx = 1\n"
    ours = "from common.db import now\nfrom backlog import actions\nimport zoo\n"
    in_order = "import zoo\nfrom backlog import actions\nfrom common.db import now\n"
    assert with_sorted_imports(standard + ours + rest) == standard + in_order + rest


def test_every_service_is_built_and_every_place_that_names_services_is_there() -> None:
    assert tuple(BUILDERS) == SERVICES
    assert all((ROOT / place.file).exists() for place in PLACES)
