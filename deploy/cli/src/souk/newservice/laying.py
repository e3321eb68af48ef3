"""Laying out a new service: its folder from the template, its name where services are named, the documents anew."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from souk.home import ROOT
from souk.machines.errors import MachineError
from souk.newservice.naming import check_name
from souk.newservice.registering import registered, with_sorted_imports

_TEMPLATE: Final = Path(__file__).parent / "template"
_SUFFIX: Final = ".txt"  # so that nothing takes the template for code of this package
# Needs nothing but common, as the new service does; `make lock` makes the same.
_LIKE: Final = "orders"
# The new service is not installed yet, and this process has the old tables.
_WRITE: Final = "import sys; sys.path.insert(0, sys.argv[1]); from souk.documents import write; write()"


def lay_out(name: str) -> list[str]:
    """Write everything a new service needs and return what there is now; raises MachineError, having done nothing."""
    check_name(name)
    if not (ROOT / "pyproject.toml").exists():
        raise MachineError("A new service is laid out in the repository, which is not here.")
    try:
        new, changed = _folder(name), registered(ROOT, name)
        before = {file: file.read_text() for file in changed}
    except OSError as error:
        raise MachineError(f"Nothing was laid out: {error}") from error
    try:
        for file, text in {**new, **changed}.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        _write_documents(name)
    except (OSError, MachineError) as error:
        _undo(new, before, name)
        raise MachineError(f"Nothing was laid out: {error}") from error
    return [f"services/{name}/", f"requirements/{name}.txt", *sorted(str(file.relative_to(ROOT)) for file in changed)]


def _folder(name: str) -> dict[Path, str]:
    files = {}
    for source in sorted(path for path in _TEMPLATE.rglob(f"*{_SUFFIX}")):
        place = _filled(str(source.relative_to(_TEMPLATE)).removesuffix(_SUFFIX), name)
        text = _filled(source.read_text(), name)
        files[ROOT / "services" / name / place] = with_sorted_imports(text) if place.endswith(".py") else text
    return files | {ROOT / "requirements" / f"{name}.txt": (ROOT / "requirements" / f"{_LIKE}.txt").read_text()}


def _filled(text: str, name: str) -> str:
    return text.replace("example", name).replace("Example", name.capitalize())


def _write_documents(name: str) -> None:
    command = [sys.executable, "-c", _WRITE, str(ROOT / "services" / name / "src")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - Python and our own words
    if done.returncode:
        raise MachineError(done.stderr.strip().rpartition("\n")[2])


def _undo(new: Mapping[Path, str], before: Mapping[Path, str], name: str) -> None:
    shutil.rmtree(ROOT / "services" / name, ignore_errors=True)
    for file in new:
        file.unlink(missing_ok=True)
    for file, text in before.items():
        file.write_text(text)
