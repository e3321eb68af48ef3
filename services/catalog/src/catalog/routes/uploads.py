"""Uploads: tokens for browsers, and the way in to our own disk."""

import secrets
from typing import Any, Final
from uuid import UUID

from fastapi import Request

from catalog.actions.uploading import issue_upload
from catalog.domain import AssetStatus, Filed
from catalog.errors import (
    TooManyUploads,
    UploadMalformed,
    UploadNotAsAnnounced,
    UploadRefused,
    UploadTooLarge,
    UploadUsed,
)
from catalog.queries import find_asset
from catalog.routes.desk import Desk, FileDesk
from catalog.routes.doors import Seller
from catalog.routes.landing import Landing
from catalog.routes.receiving import parts
from catalog.schemas import NewUpload, UploadedOut, UploadOut
from catalog.stores.local import LocalDisk
from common.db import now
from common.errors import raises
from common.http import Tx, router
from common.http.fields import Id
from common.http.problems import PayloadTooLarge

uploads = router(tags=["assets"])

UPLOADS: Final = r"/api/v1/uploads/[0-9a-f-]{36}"
FORM: Final = 64 * 1024  # what a form has beside its file
_LONGEST_TOKEN: Final = 200
_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["token", "file"],
                    "properties": {"token": {"type": "string"}, "file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@uploads.post("/uploads/token", status_code=201, summary="Ask for a token to upload a file")
@raises(UploadTooLarge, TooManyUploads)
async def issue_token(session: Tx, user: Seller, body: NewUpload, desk: FileDesk) -> UploadOut:
    """The token holds for this file alone: its folder and name, its type and its size; once, and not for long."""
    moment = now()
    ends, store = moment + desk.settings.upload_ttl, desk.stores.current
    asset = body.asset(user.id, store.name, secrets.token_hex(8), ends)
    asset.again(ends + desk.late)
    await issue_upload(session, asset, desk.limits, desk.settings.uploads_per_user)
    return UploadOut.of(asset, await store.ticket(asset.filed, moment, ends))


@uploads.post(
    "/uploads/{asset_id}", status_code=201, summary="Upload a file to the shop's own disk", openapi_extra=_FORM
)
@raises(UploadRefused, UploadUsed, UploadNotAsAnnounced, UploadMalformed, PayloadTooLarge)
async def take_upload(request: Request, asset_id: Id, desk: FileDesk) -> UploadedOut:
    """A form as `POST /uploads/token` said, the file last. Other stores take uploads at their own addresses."""
    disk, filed = await _expected(desk, asset_id)
    async with Landing(disk.landing(filed)) as landing:
        await _receive(request, disk, filed, landing)
        if landing.size != filed.size:
            raise UploadNotAsAnnounced(announced=filed.size)
        if disk.path(filed).exists():
            raise UploadUsed
        await landing.settle()
    return UploadedOut(file_id=asset_id, name=filed.name, size=filed.size)


async def _expected(desk: Desk, asset_id: UUID) -> tuple[LocalDisk, Filed]:
    async with desk.database.reading() as session:
        asset = await find_asset(session, asset_id)
    disk = desk.stores.by_name.get("local")
    if asset is None or asset.store != "local" or not isinstance(disk, LocalDisk):
        raise UploadRefused
    if asset.status != AssetStatus.ISSUED:
        raise UploadUsed
    return disk, asset.filed


async def _receive(request: Request, disk: LocalDisk, filed: Filed, landing: Landing) -> None:
    token, admitted = b"", False
    async for part, chunk in parts(request):
        if part.name == "token" and not admitted and len(token) < _LONGEST_TOKEN:
            token += chunk
        elif part.name == "file" and (chunk or not admitted):
            if not admitted:
                disk.admit(filed, token.decode("latin-1"))
                admitted = True
            if part.content_type != filed.content_type or landing.size + len(chunk) > filed.size:
                raise UploadNotAsAnnounced(content_type=filed.content_type, size=filed.size)
            await landing.write(chunk)
        else:
            raise UploadMalformed
    if not admitted:
        raise UploadRefused
