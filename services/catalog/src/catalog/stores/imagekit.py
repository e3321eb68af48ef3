"""Files at ImageKit: browsers upload by a token that signs the whole form; pictures are addresses ImageKit draws."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx2
import imagekitio
import jwt
from imagekitio.types import File
from imagekitio.types.shared_params import SrcOptions, TextOverlayTransformation, Transformation

from catalog.domain import Filed, Found, Pictures, Ticket
from catalog.errors import StoreUnreachable, WebhookNotGenuine
from catalog.stores import News
from catalog.stores.pictures import HEAD, PREVIEW_SIDE, THUMBNAIL_SIDE, sniff

_SENT: Final = frozenset({200, 206})
_UPLOADS: Final = "https://upload.imagekit.io"
# As it was uploaded: ImageKit otherwise hands out what it thinks is better.
_ORIGINAL: Final[Transformation] = {"original": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageKitAccess:
    """An account: its keys, where its files are seen, what signs its webhooks (two while one is being replaced).

    No bases mean ImageKit's own; `fetch_endpoint` is how we reach the files, if not as browsers do; `timeout` is in
    seconds.
    """

    private_key: str
    public_key: str
    url_endpoint: str
    webhook_secrets: tuple[str, ...] = ()
    api_base: str | None = None
    upload_base: str | None = None
    fetch_endpoint: str | None = None
    timeout: float = 10


class ImageKit:
    """An account at ImageKit. Its keys begin with a slash, ours do not."""

    name = "imagekit"

    def __init__(self, access: ImageKitAccess, watermark: str) -> None:
        self._access, self._watermark = access, watermark
        self._client = imagekitio.AsyncImageKit(
            private_key=access.private_key,
            base_url=access.api_base,
            timeout=access.timeout,
            max_retries=0,  # the loop that asks tries again
        )
        self._http = httpx2.AsyncClient(timeout=access.timeout)

    async def ticket(self, filed: Filed, issued_at: datetime, expires_at: datetime) -> Ticket:
        """Return the form a browser sends to ImageKit (Upload API V2): its token holds for these fields only, once."""
        fields = {
            "fileName": filed.file_name,
            "folder": f"/{filed.folder}",
            "useUniqueFileName": "false",
            "overwriteFile": "false",
            "isPrivateFile": "true",
            "checks": f'"file.size" = {filed.size} AND "file.mime" = "{filed.content_type}"',
        }
        times = {"iat": int(issued_at.timestamp()), "exp": int(expires_at.timestamp())}
        token = jwt.encode(
            {**fields, **times}, self._access.private_key, "HS256", headers={"kid": self._access.public_key}
        )
        base = self._access.upload_base or self._access.api_base or _UPLOADS
        url = f"{base.rstrip('/')}/api/v2/files/upload"
        return Ticket(method="POST", url=url, fields={**fields, "token": token}, expires_at=expires_at)

    async def locate(self, file_id: str) -> str | None:
        """Return the key of the file that ImageKit calls so, or None."""
        file = await self._get(file_id)
        return None if file is None else _key(file)

    async def find(self, filed: Filed) -> Found | None:
        """Return what ImageKit has of an uploaded file, its type read from its first bytes, or None."""
        file = await self._get(filed.file_id) if filed.file_id else await self._look(filed)
        if file is None:
            return None
        return Found(
            key=_key(file),
            content_type=sniff(await self._head(file)),
            size=int(file.size or 0),
            file_id=file.file_id,
            width=_whole(file.width),
            height=_whole(file.height),
        )

    async def show(self, filed: Filed) -> Pictures:
        """Return signed addresses of transformations: who has them has neither the original nor its metadata."""
        small = _within(THUMBNAIL_SIDE)
        marked = _marked(self._watermark)
        return Pictures(
            await self._url(filed.key, [_within(PREVIEW_SIDE), marked]), await self._url(filed.key, [small, marked])
        )

    async def delete(self, filed: Filed) -> None:
        """Delete a file; its pictures go with it."""
        file_id = filed.file_id
        if file_id is None:
            file = await self._look(filed)
            file_id = None if file is None else file.file_id
        if file_id is None:
            return
        async with _answered():
            try:
                await self._client.files.delete(file_id)
            except imagekitio.NotFoundError:
                return

    async def link(self, filed: Filed, seconds: float) -> str:
        """Return a signed address of the original that ends, for saving rather than showing."""
        # Zero would mean for ever.
        until = max(1, math.ceil(seconds))
        return await self._url(filed.key, [_ORIGINAL] if filed.is_image else [], until, {"ik-attachment": "true"})

    def genuine(self, body: bytes, headers: Mapping[str, str]) -> News:
        """Return which file a webhook is about; raises WebhookNotGenuine."""
        for secret in self._access.webhook_secrets:
            try:
                self._client.webhooks.unwrap(body.decode(), headers=dict(headers), key=secret)
                told: Mapping[str, Any] = json.loads(body).get("data") or {}
                path, file_id = told.get("filePath"), told.get("fileId")
            except Exception:  # noqa: BLE001, S112 - whatever a library says of what strangers send
                continue
            return News(str(path).removeprefix("/") if path else None, str(file_id) if file_id else None)
        raise WebhookNotGenuine

    async def disconnect(self) -> None:
        """Close the connections."""
        await self._client.close()
        await self._http.aclose()

    async def _get(self, file_id: str) -> File | None:
        async with _answered():
            try:
                return await self._client.files.get(file_id)
            except imagekitio.NotFoundError:
                return None
            except imagekitio.BadRequestError:  # what is no id of theirs
                return None

    async def _look(self, filed: Filed) -> File | None:
        """Return the file at a key; nobody told us how ImageKit calls it."""
        async with _answered():
            listed = await self._client.assets.list(path=f"/{filed.folder}", type="file")
        return next((it for it in listed if isinstance(it, File) and it.file_path == f"/{filed.key}"), None)

    async def _head(self, file: File) -> bytes:
        url = self._as_we_reach_it(await self._url(_key(file), _as_it_is(file), self._access.timeout))
        head = bytearray()
        asking = self._http.stream("GET", url, headers={"Range": f"bytes=0-{HEAD - 1}"})
        async with _answered(), asyncio.timeout(self._access.timeout), asking as answer:
            if answer.status_code not in _SENT:
                raise StoreUnreachable(f"{answer.status_code} for the first bytes")
            async for chunk in answer.aiter_bytes():
                head += chunk
                if len(head) >= HEAD:
                    break
        return bytes(head[:HEAD])

    def _as_we_reach_it(self, url: str) -> str:
        # The signature covers what comes after the endpoint only.
        shown, ours = self._access.url_endpoint.rstrip("/"), self._access.fetch_endpoint
        return url if ours is None else f"{ours.rstrip('/')}{url.removeprefix(shown)}"

    async def _url(
        self,
        key: str,
        transformation: list[Transformation],
        seconds: float | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """Return a signed address; without seconds it does not end."""
        wanted: SrcOptions = {
            "src": f"/{key}",
            "url_endpoint": self._access.url_endpoint,
            "transformation": transformation,
            "query_parameters": dict(query or {}),
            "signed": True,
        }
        if seconds is not None:
            wanted["expires_in"] = seconds
        return await self._client.helper.build_url(**wanted)


def _key(file: File) -> str:
    return (file.file_path or "").removeprefix("/")


def _within(side: int) -> Transformation:
    return {"width": side, "height": side, "crop": "at_max"}


def _marked(watermark: str) -> Transformation:
    letters: TextOverlayTransformation = {"font_size": "bw_div_6", "font_color": "FFFFFF", "alpha": 5}
    return {"overlay": {"type": "text", "text": watermark, "transformation": [letters]}}


def _as_it_is(file: File) -> list[Transformation]:
    return [_ORIGINAL] if file.file_type == "image" else []


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    try:
        yield
    except (imagekitio.APIError, httpx2.HTTPError, TimeoutError, ValueError) as error:
        raise StoreUnreachable(repr(error)[:300]) from error
