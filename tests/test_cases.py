"""`docs/cases.md` names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
FOLDERS = {"system": "deploy/cli/tests", "common": "libs/common/tests", "tests": "tests"}


def functions_of(path: Path) -> set[str]:
    """The tests that a file has, none where there is no such file."""
    if not path.is_file():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions)}


def place(named: str) -> Path:
    """The file that a name in the table means."""
    first, _, rest = named.partition("/")
    return ROOT / FOLDERS.get(first, f"services/{first}/tests") / rest


def test_every_case_is_tried_where_the_table_says() -> None:
    named = NAMED.findall((ROOT / "docs/cases.md").read_text())
    assert len(named) > 50
    assert [f"{path}::{test}" for path, test in named if test not in functions_of(place(path))] == []


def test_every_line_of_the_tables_names_a_test() -> None:
    lines = (ROOT / "docs/cases.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith(("|---", "| reported", "| bug |"))]
    bare = [row for row in rows if not NAMED.search(row) and not row.endswith("| tried in |")]
    assert bare == []
