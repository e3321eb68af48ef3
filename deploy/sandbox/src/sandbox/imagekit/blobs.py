"""The bytes of the files, beside the sandbox's own file."""

import contextlib
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO

_COMING = ".part"


class Blobs:
    """A folder with one file for each version of each upload; what the store knows of is there, whole."""

    def __init__(self, state_file: Path) -> None:
        self._folder = state_file.with_name(f"{state_file.name}.imagekit")
        self._folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Where a blob lies."""
        return self._folder / name

    def take(self, source: IO[bytes]) -> Path:
        """Write down what comes in; nobody knows it yet."""
        part = self._folder / f"{secrets.token_hex(12)}{_COMING}"
        with part.open("wb") as file:
            shutil.copyfileobj(source, file, 1024 * 1024)
        return part

    def keep(self, part: Path, name: str) -> None:
        """Give what came in its name."""
        part.replace(self.path(name))

    def drop(self, names: Iterable[str]) -> None:
        """Forget blobs."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                self.path(name).unlink()

    def sweep(self, known: set[str]) -> None:
        """Throw away what a killed sandbox left behind: half an upload, or a blob whose row is gone."""
        for path in self._folder.iterdir():
            if path.name not in known:
                path.unlink(missing_ok=True)
