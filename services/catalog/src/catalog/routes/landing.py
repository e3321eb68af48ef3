"""Where an upload to our own disk is written: whole under its name, or not there."""

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from catalog.errors import UploadUsed
from common.events import new_id


class Landing:
    """A file in the making beside its place. `settle` puts it there, once; what was not settled is removed."""

    def __init__(self, place: Path) -> None:
        self._place, self._draft = place, place.with_name(f"{new_id()}.part")
        self._file: IO[bytes] | None = None
        self.size = 0

    async def __aenter__(self) -> Self:
        self._file = await asyncio.to_thread(self._open)
        return self

    async def write(self, chunk: bytes) -> None:
        """Append what came in."""
        assert self._file is not None
        self.size += len(chunk)
        await asyncio.to_thread(self._file.write, chunk)

    async def settle(self) -> None:
        """Give it its name, durably. Raises UploadUsed when something has it already."""
        await asyncio.to_thread(self._settle)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._close)

    def _open(self) -> IO[bytes]:
        self._place.parent.mkdir(parents=True, exist_ok=True)
        return self._draft.open("xb")

    def _settle(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        try:
            os.link(self._draft, self._place)
        except FileExistsError as error:
            raise UploadUsed from error

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._draft.unlink(missing_ok=True)
