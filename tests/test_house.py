"""The rules of this code base that neither ruff nor import-linter can check."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("libs", "services", "deploy", "tests", "bench")
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir())
LONGEST = 300
SELF = Path(__file__).name

# Whole words, written so that this file does not find itself.
UNFINISHED = re.compile(r"\b(?:TO" + "DO|FIX" + r"ME|XX" + r"X)\b")
BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?!\[)")
UNEXPLAINED_NOQA = re.compile(r"#\s*noqa(?!: [A-Z0-9, ]+ - \w)")


def sources() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            if not {".venv", "node_modules"} & set(path.parts):
                yield path


def found(pattern: re.Pattern[str]) -> list[str]:
    """Where a line matches, as file:line."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources()
        if path.name != SELF
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]


def inside(service: str, role: str) -> list[Path]:
    """The file, or the files of the folder, that plays a role in a service."""
    source = ROOT / "services" / service / "src" / service
    return [path for path in (source / f"{role}.py", *sorted((source / role).rglob("*.py"))) if path.exists()]


def calls(path: Path) -> set[str]:
    """The names of all methods and functions that are called in a file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    names.add(name)
    return names


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if "migrations" not in path.parts and (lines := len(path.read_text().splitlines())) > LONGEST
    }
    assert not long, "split these by subject into a folder of the same name"


def test_nothing_is_left_for_later() -> None:
    assert not found(UNFINISHED)


def test_every_silenced_type_error_names_its_code() -> None:
    assert not found(BARE_IGNORE)


def test_every_silenced_lint_has_its_reason_beside_it() -> None:
    assert not found(UNEXPLAINED_NOQA), "write `# noqa: CODE - why`"


@pytest.mark.parametrize("service", SERVICES)
def test_actions_and_queries_leave_the_transaction_to_their_caller(service: str) -> None:
    ends = {"commit", "rollback"}
    guilty = {
        path.name: found
        for role in ("actions", "queries", "models", "handlers")
        for path in inside(service, role)
        if (found := calls(path) & ends)
    }
    assert not guilty


@pytest.mark.parametrize("service", SERVICES)
def test_doors_hold_no_sql(service: str) -> None:
    sql = {"select", "insert", "update", "delete", "text", "execute", "scalar", "scalars"}
    http = {"delete"}  # router.delete
    guilty = {
        path.name: found
        for role, words in (("routes", sql - http), ("handlers", sql))
        for path in inside(service, role)
        if (found := calls(path) & words)
    }
    assert not guilty


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_drawer_for_everything(service: str) -> None:
    names = {"utils", "helpers", "base", "manager", "service", "common", "misc"}
    source = ROOT / "services" / service / "src"
    assert not [str(path) for path in source.rglob("*.py") if path.stem in names]
