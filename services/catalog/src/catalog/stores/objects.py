"""Files as objects, on a disk or in a bucket: taken from where browsers put them to where nobody can replace them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import cached_property
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from catalog.domain import Filed, Found, Pictures, Ticket
from catalog.errors import StoreUnreachable
from catalog.stores.pictures import HEAD, PREVIEW, THUMBNAIL, measure, render, sniff

_IN_MEMORY: Final = 4 * 1024 * 1024
_FAILED: Final = (BaseError, OSError)


class Objects:
    """What disk and bucket have in common. `base` is where clients reach our own API; pictures are served by it.

    A browser puts its file under `incoming/`. Who finds it there moves it, and judges it where it is then.
    """

    name = ""

    def __init__(self, open_objects: Callable[[], LocalStore | S3Store], base: str, watermark: str) -> None:
        self._open, self._base, self._watermark = open_objects, base, watermark
        self._hands = asyncio.Semaphore(1)  # decoding takes much memory

    @cached_property
    def _objects(self) -> LocalStore | S3Store:
        """The objects; a folder is not made before the first of them."""
        return self._open()

    async def ticket(self, filed: Filed, issued_at: datetime, expires_at: datetime) -> Ticket:
        """Return what a browser sends to upload this file."""
        raise NotImplementedError

    async def link(self, filed: Filed, seconds: float) -> str:
        """Return an address at which anybody may fetch the original for so long."""
        raise NotImplementedError

    async def locate(self, file_id: str) -> str | None:
        """Return None: objects have no other names than their keys, which are found by the asset's id."""
        del file_id
        return None

    async def find(self, filed: Filed) -> Found | None:
        """Return what is there of an uploaded file, or None."""
        async with _answered():
            with suppress(FileNotFoundError):
                await obstore.rename_async(self._objects, incoming(filed), filed.key, overwrite=True)
            try:
                size = (await obstore.head_async(self._objects, filed.key))["size"]
            except FileNotFoundError:
                return None
            head = bytes(await obstore.get_range_async(self._objects, filed.key, start=0, length=HEAD)) if size else b""
        kind = sniff(head)
        if not filed.is_image or kind != filed.content_type or size != filed.size:
            return Found(key=filed.key, content_type=kind, size=size)
        async with self._content(filed) as file:
            measured = await asyncio.to_thread(measure, file)
        width, height = measured or (None, None)
        return Found(key=filed.key, content_type=kind, size=size, width=width, height=height)

    async def show(self, filed: Filed) -> Pictures:
        """Draw an image's pictures; raises ValueError for what turns out to be no image."""
        async with self._hands, self._content(filed) as file:
            drawn = await asyncio.to_thread(render, file, self._watermark)
        async with _answered():
            for name, content in drawn.items():
                await obstore.put_async(self._objects, picture(filed, name), content)
        address = f"{self._base}/api/v1/files/previews/{filed.asset_id}"
        return Pictures(f"{address}/{PREVIEW}", f"{address}/{THUMBNAIL}")

    async def picture(self, filed: Filed, name: str) -> bytes | None:
        """Return one of an image's pictures, or None."""
        async with _answered():
            try:
                got = await obstore.get_async(self._objects, picture(filed, name))
            except FileNotFoundError:
                return None
            return bytes(await got.bytes_async())

    async def delete(self, filed: Filed) -> None:
        """Delete a file and its pictures."""
        async with _answered():
            for key in (incoming(filed), filed.key, picture(filed, PREVIEW), picture(filed, THUMBNAIL)):
                with suppress(FileNotFoundError):
                    await obstore.delete_async(self._objects, key)

    async def disconnect(self) -> None:
        """Do nothing: connections are closed when nobody holds them."""

    @asynccontextmanager
    async def _content(self, filed: Filed) -> AsyncIterator[IO[bytes]]:
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            async with _answered():
                got = await obstore.get_async(self._objects, filed.key)
                async for chunk in got.stream():
                    await asyncio.to_thread(file.write, bytes(chunk))
            file.seek(0)
            yield file


def incoming(filed: Filed) -> str:
    """Return where a browser puts a file."""
    return f"incoming/{filed.asset_id}/{filed.file_name}"


def picture(filed: Filed, name: str) -> str:
    """Return where a picture of an image is."""
    return f"previews/{filed.asset_id}/{name}"


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    try:
        yield
    except _FAILED as error:
        raise StoreUnreachable(repr(error)[:300]) from error
